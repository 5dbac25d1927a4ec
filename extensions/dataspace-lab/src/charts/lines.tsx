/** Learning curves: values along the steps of a run, with the noise's standard error as a band. */

import * as React from 'react';
import { MARGINS, XAxis, YAxis } from './axes';
import { Frame, IChartProps } from './frame';
import { extent, figure, Interval, linear, measured, rounded } from './scale';
import { dash, Legend, Marker, seriesClass } from './series';

export interface ILine {
  name: string;
  points: readonly { x: number; y: number; error?: number | null }[];
}

const HEIGHT = 220;

export function Lines(
  props: IChartProps & {
    lines: readonly ILine[];
    xLabel: string;
    yLabel: string;
    /** Ends of the x axis, so that a curve that grows does not change its scale. */
    xRange?: Interval;
    /** The limits of the values; noise beyond them is not drawn. */
    yLimits?: Interval;
  }
): JSX.Element {
  const { trans, lines, xLabel, yLabel } = props;
  const points = lines.flatMap(line => line.points);
  const last = lines
    .filter(line => line.points.length > 0)
    .map(line => {
      const end = line.points[line.points.length - 1];
      return trans.__('%1 ends at %2.', line.name, measured(end.y, end.error));
    });

  const draw = (width: number): JSX.Element => {
    const x = linear(
      props.xRange ?? extent(points.map(point => point.x)),
      [MARGINS.left, width - MARGINS.right],
      width / 80
    );
    const [least, most] = props.yLimits ?? [-Infinity, Infinity];
    const within = (value: number): number => Math.min(most, Math.max(least, value));
    const values = points
      .flatMap(({ y, error }) => [y - (error ?? 0), y + (error ?? 0)])
      .map(within);
    const y = linear(
      rounded(extent(values), 4),
      [HEIGHT - MARGINS.bottom, MARGINS.top],
      4
    );
    const at = (px: number, py: number): string =>
      `${x(px).toFixed(1)},${y(within(py)).toFixed(1)}`;
    return (
      <>
        <YAxis scale={y} label={yLabel} width={width} />
        <XAxis scale={x} label={xLabel} width={width} height={HEIGHT} />
        {lines.map((line, i) => {
          const upper = line.points.map(p => at(p.x, p.y + (p.error ?? 0)));
          const lower = line.points.map(p => at(p.x, p.y - (p.error ?? 0))).reverse();
          return (
            <g key={line.name}>
              {line.points.some(point => point.error) && (
                <path
                  className={`wb-chart-band ${seriesClass(i)}`}
                  d={`M${[...upper, ...lower].join('L')}Z`}
                />
              )}
              <path
                className={`wb-chart-line ${seriesClass(i)}`}
                strokeDasharray={dash(i)}
                d={
                  line.points.length
                    ? `M${line.points.map(p => at(p.x, p.y)).join('L')}`
                    : ''
                }
              />
              {line.points.map((point, j) => (
                <g
                  key={j}
                  data-tip={trans.__(
                    '%1 at %2: %3',
                    line.name,
                    figure(point.x),
                    measured(point.y, point.error)
                  )}
                >
                  <circle
                    className="wb-chart-hit"
                    cx={x(point.x)}
                    cy={y(point.y)}
                    r={9}
                  />
                  <Marker position={i} x={x(point.x)} y={y(point.y)} />
                </g>
              ))}
            </g>
          );
        })}
      </>
    );
  };

  return (
    <Frame
      {...props}
      description={props.description ?? last.join(' ')}
      height={HEIGHT}
      draw={draw}
      legend={
        <>
          <Legend names={lines.map(line => line.name)} />
          {points.some(point => point.error) && (
            <p className="wb-chart-note">
              {trans.__('Band: standard error of the noise.')}
            </p>
          )}
        </>
      }
      table={{
        header: [
          trans.__('name'),
          xLabel,
          yLabel,
          trans.__('standard error of the noise')
        ],
        rows: lines.flatMap(line =>
          line.points.map(point => [
            line.name,
            figure(point.x),
            figure(point.y),
            point.error ? figure(point.error) : '–'
          ])
        )
      }}
    />
  );
}
