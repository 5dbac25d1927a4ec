/** How often values fall between two edges. */

import * as React from 'react';
import { MARGINS, XAxis, YAxis } from './axes';
import { Frame, IChartProps } from './frame';
import { figure, linear, rounded } from './scale';

const HEIGHT = 150;

export function Histogram(
  props: IChartProps & {
    /** One more than `counts`, rising. */
    edges: readonly number[];
    counts: readonly number[];
    /** What the values are, such as "age, years". */
    label: string;
  }
): JSX.Element {
  const { trans, edges, counts, label } = props;
  const between = (i: number): string =>
    trans.__('%1 to %2', figure(edges[i]), figure(edges[i + 1]));
  const most = Math.max(1, ...counts);
  const fullest = counts.indexOf(most);
  const description =
    props.description ??
    (fullest >= 0
      ? trans.__(
          'Most values, %1, lie between %2 and %3.',
          figure(most),
          figure(edges[fullest]),
          figure(edges[fullest + 1])
        )
      : trans.__('There are no values.'));

  const draw = (width: number): JSX.Element => {
    const x = linear(
      [edges[0] ?? 0, edges[edges.length - 1] ?? 1],
      [MARGINS.left, width - MARGINS.right],
      width / 70
    );
    const y = linear(rounded([0, most], 3), [HEIGHT - MARGINS.bottom, MARGINS.top], 3);
    return (
      <>
        <YAxis scale={y} label={trans.__('how many')} width={width} />
        {counts.map((count, i) => (
          <rect
            key={i}
            className="wb-chart-bar wb-series-0"
            x={x(edges[i]) + 0.5}
            width={Math.max(1, x(edges[i + 1]) - x(edges[i]) - 1)}
            y={y(count)}
            height={Math.max(0, y(0) - y(count))}
            data-tip={trans.__('%1: %2', between(i), figure(count))}
          />
        ))}
        <XAxis scale={x} label={label} width={width} height={HEIGHT} />
      </>
    );
  };

  return (
    <Frame
      {...props}
      description={description}
      height={HEIGHT}
      draw={draw}
      table={{
        header: [label, trans.__('how many')],
        rows: counts.map((count, i) => [between(i), figure(count)])
      }}
    />
  );
}
