/** One horizontal bar for each name, with the standard error of the noise. */

import * as React from 'react';
import { IMargins, XAxis } from './axes';
import { Frame, IChartProps } from './frame';
import { extent, figure, Interval, linear, measured, rounded, shorten } from './scale';

export interface IBar {
  label: string;
  value: number;
  /** Standard error of the noise; none is drawn if it is left out. */
  error?: number | null;
}

const ROW = 24;
const MOST_BARS = 40;

export function Bars(
  props: IChartProps & {
    bars: readonly IBar[];
    /** What the values are. */
    label: string;
    /** Ends of the axis, such as [0, 1]; by default from 0 to the largest value. */
    range?: Interval;
  }
): JSX.Element {
  const { trans, bars, label } = props;
  const shown = bars.slice(0, MOST_BARS);
  const noisy = bars.some(bar => bar.error);
  const height = shown.length * ROW + 44;
  const hidden = bars.length - shown.length;
  const description =
    props.description ??
    (noisy
      ? trans.__('%1 values, each with the standard error of its noise.', bars.length)
      : trans.__('%1 values.', bars.length));

  const draw = (width: number): JSX.Element => {
    const left = Math.min(
      width * 0.4,
      16 + 6.5 * Math.max(3, ...shown.map(bar => Array.from(bar.label).length))
    );
    const margins: IMargins = { top: 4, right: 76, bottom: 36, left };
    const ends = shown.flatMap(({ value, error }) => [
      value - (error ?? 0),
      value + (error ?? 0)
    ]);
    const domain = props.range ?? rounded(extent([0, ...ends]), 4);
    const x = linear(domain, [left, width - margins.right], (width - left) / 90);
    const clamp = (value: number): number =>
      x(Math.min(domain[1], Math.max(domain[0], value)));
    return (
      <>
        <XAxis scale={x} label={label} width={width} height={height} margins={margins} />
        {shown.map((bar, i) => {
          const text = measured(bar.value, bar.error);
          const ends = [bar.value - (bar.error ?? 0), bar.value + (bar.error ?? 0)].map(
            clamp
          );
          const zero = clamp(0);
          const end = clamp(bar.value);
          return (
            <g
              key={i}
              transform={`translate(0,${margins.top + i * ROW})`}
              data-tip={trans.__('%1: %2', bar.label, text)}
            >
              <rect className="wb-chart-hit" width={width} height={ROW} />
              <text className="wb-chart-name" x={left - 8} y={16} textAnchor="end">
                {shorten(bar.label, Math.floor((left - 10) / 6.2))}
              </text>
              <rect
                className="wb-chart-bar wb-series-0"
                x={Math.min(zero, end)}
                width={Math.max(1, Math.abs(end - zero))}
                y={5}
                height={ROW - 10}
              />
              {bar.error ? (
                <path
                  className="wb-chart-error"
                  d={`M${ends[0]},8v8m0,-4H${ends[1]}m0,-4v8`}
                />
              ) : null}
              <text x={Math.max(end, ends[1], zero) + 6} y={16}>
                {text}
              </text>
            </g>
          );
        })}
      </>
    );
  };

  return (
    <Frame
      {...props}
      description={description}
      height={height}
      draw={draw}
      legend={
        <>
          {hidden > 0 && (
            <p className="wb-chart-note">{trans.__('and %1 more, not drawn', hidden)}</p>
          )}
          {noisy && (
            <p className="wb-chart-note">
              {trans.__('Whiskers: standard error of the noise.')}
            </p>
          )}
        </>
      }
      table={{
        header: [trans.__('name'), label, trans.__('standard error of the noise')],
        rows: bars.map(bar => [
          bar.label,
          figure(bar.value),
          bar.error ? figure(bar.error) : '–'
        ])
      }}
    />
  );
}
