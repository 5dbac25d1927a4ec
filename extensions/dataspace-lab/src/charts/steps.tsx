/** The budget over time: a step for each event, one line a researcher, and the total as a limit. */

import * as React from 'react';
import { MARGINS, XAxis, YAxis } from './axes';
import { Frame, IChartProps } from './frame';
import { extent, figure, linear, rounded } from './scale';
import { dash, Legend, Marker, seriesClass } from './series';

export interface ISteps {
  name: string;
  /** Rising in `time`, which is in milliseconds; `value` holds from then on. */
  points: readonly { time: number; value: number; what: string }[];
}

const HEIGHT = 220;
const DAY = 86_400_000;

/** Writes points in time as short as their span allows. */
export function clock(span: number): (time: number) => string {
  const options: Intl.DateTimeFormatOptions =
    span < DAY
      ? {
          hour: '2-digit',
          minute: '2-digit',
          ...(span < 600_000 ? { second: '2-digit' } : {})
        }
      : {
          month: 'short',
          day: 'numeric',
          ...(span > 300 * DAY ? { year: '2-digit' } : {})
        };
  const format = new Intl.DateTimeFormat(undefined, { hourCycle: 'h23', ...options });
  return time => format.format(time);
}

export function Steps(
  props: IChartProps & {
    series: readonly ISteps[];
    label: string;
    /** Drawn as a line across. */
    limit: number;
    limitLabel: string;
  }
): JSX.Element {
  const { trans, series, label, limit, limitLabel } = props;
  const points = series.flatMap(one => one.points);
  const [first, last] = extent(points.map(point => point.time));
  const write = clock(last - first);
  const ends = series
    .filter(one => one.points.length > 0)
    .map(one =>
      trans.__('%1: %2.', one.name, figure(one.points[one.points.length - 1].value))
    );

  const draw = (width: number): JSX.Element => {
    const right = width - MARGINS.right;
    const x = linear([first, last], [MARGINS.left, right]);
    const count = Math.max(2, Math.floor((right - MARGINS.left) / 90));
    const [low, high] = x.domain;
    const times = Array.from(
      { length: count },
      (_, i) => low + ((i + 0.5) * (high - low)) / count
    );
    const y = linear(
      rounded([0, Math.max(limit, ...points.map(point => point.value))], 4),
      [HEIGHT - MARGINS.bottom, MARGINS.top],
      4
    );
    return (
      <>
        <YAxis scale={y} label={label} width={width} />
        <XAxis
          scale={x}
          label={trans.__('time')}
          width={width}
          height={HEIGHT}
          ticks={points.length ? times : []}
          write={write}
        />
        <g data-tip={trans.__('%1: %2', limitLabel, figure(limit))}>
          <line
            className="wb-chart-limit"
            x1={MARGINS.left}
            x2={right}
            y1={y(limit)}
            y2={y(limit)}
          />
          <text className="wb-chart-label" x={right} y={y(limit) + 12} textAnchor="end">
            {limitLabel}
          </text>
        </g>
        {series.map((one, i) => (
          <g key={i}>
            <path
              className={`wb-chart-line ${seriesClass(i)}`}
              strokeDasharray={dash(i)}
              d={
                `M${x(one.points[0]?.time ?? first)},${y(0)}` +
                one.points
                  .map(p => `H${x(p.time).toFixed(1)}V${y(p.value).toFixed(1)}`)
                  .join('') +
                `H${right}`
              }
            />
            {one.points.map((point, j) => (
              <g
                key={j}
                data-tip={trans.__('%1, %2: %3', write(point.time), one.name, point.what)}
              >
                <circle
                  className="wb-chart-hit"
                  cx={x(point.time)}
                  cy={y(point.value)}
                  r={8}
                />
                <Marker position={i} x={x(point.time)} y={y(point.value)} />
              </g>
            ))}
          </g>
        ))}
      </>
    );
  };

  return (
    <Frame
      {...props}
      description={props.description ?? ends.join(' ')}
      height={HEIGHT}
      draw={draw}
      legend={<Legend names={series.map(one => one.name)} />}
      table={{
        header: [trans.__('name'), trans.__('time'), label, trans.__('what happened')],
        rows: series.flatMap(one =>
          one.points.map(point => [
            one.name,
            new Date(point.time).toISOString(),
            figure(point.value),
            point.what
          ])
        )
      }}
    />
  );
}
