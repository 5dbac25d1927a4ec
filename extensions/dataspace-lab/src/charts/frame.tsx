/**
 * What all charts share: a drawing with a title and a description, the same figures as a table for
 * screen readers, and a tooltip for whatever carries `data-tip`.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

export interface IChartProps {
  trans: TranslationBundle;
  /** What the chart shows; also its accessible name. */
  title: string;
  /** The finding in words, for people who can't see the drawing. */
  description?: string;
}

export interface ITable {
  header: readonly string[];
  rows: readonly (readonly string[])[];
}

interface ITip {
  text: string;
  x: number;
  y: number;
}

const SMALLEST_WIDTH = 180;
const LARGEST_WIDTH = 640;

/** The width that the page gives to an element, kept within what a small chart can use. */
function useWidth(): [React.RefObject<HTMLElement>, number] {
  const ref = React.useRef<HTMLElement>(null);
  const [width, setWidth] = React.useState(320);
  React.useLayoutEffect(() => {
    const node = ref.current;
    if (!node) {
      return;
    }
    const measure = (): void => {
      // Zero means hidden: keep what fitted before.
      if (node.clientWidth > 0) {
        setWidth(Math.min(LARGEST_WIDTH, Math.max(SMALLEST_WIDTH, node.clientWidth)));
      }
    };
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    measure();
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}

function Figures({ caption, table }: { caption: string; table: ITable }): JSX.Element {
  return (
    <div className="wb-Hidden">
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {table.header.map((text, i) => (
              <th key={i} scope="col">
                {text}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, i) => (
            <tr key={i}>
              {row.map((text, j) => (
                <td key={j}>{text}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Frame(
  props: IChartProps & {
    height: number;
    table: ITable;
    /** Draws the chart into so many pixels. */
    draw: (width: number) => React.ReactNode;
    legend?: React.ReactNode;
  }
): JSX.Element {
  const [ref, width] = useWidth();
  const [tip, setTip] = React.useState<ITip | null>(null);
  const id = React.useId();

  const point = (event: React.MouseEvent): void => {
    const target = (event.target as Element).closest('[data-tip]');
    const box = event.currentTarget.getBoundingClientRect();
    const text = target?.getAttribute('data-tip');
    setTip(
      text ? { text, x: event.clientX - box.left, y: event.clientY - box.top } : null
    );
  };

  return (
    <figure className="wb-chart" ref={ref}>
      <figcaption className="wb-chart-title">
        <bdi>{props.title}</bdi>
      </figcaption>
      <div
        className="wb-chart-drawing"
        onMouseMove={point}
        onMouseLeave={() => setTip(null)}
      >
        <svg
          role="img"
          aria-labelledby={`${id}-title`}
          aria-describedby={`${id}-desc`}
          width={width}
          height={props.height}
          viewBox={`0 0 ${width} ${props.height}`}
        >
          <title id={`${id}-title`}>{props.title}</title>
          <desc id={`${id}-desc`}>{props.description ?? ''}</desc>
          {props.draw(width)}
        </svg>
        {tip && (
          <div
            className="wb-chart-tip"
            aria-hidden="true"
            style={{ left: Math.min(tip.x + 10, width - 120), top: tip.y + 14 }}
          >
            <bdi>{tip.text}</bdi>
          </div>
        )}
      </div>
      {props.legend}
      <Figures caption={props.title} table={props.table} />
    </figure>
  );
}
