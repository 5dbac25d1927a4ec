/** Several series in one drawing: told apart by dash and marker as well as by colour. */

import * as React from 'react';

const DASHES = ['', '6 3', '2 3', '8 3 2 3', '12 4', '4 2'];
const KINDS = DASHES.length;

export function seriesClass(position: number): string {
  return `wb-series-${position % KINDS}`;
}

export function dash(position: number): string {
  return DASHES[position % KINDS];
}

/** A small shape at (x, y); each series has its own. */
export function Marker(props: { position: number; x: number; y: number }): JSX.Element {
  const shapes = [
    'M-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0',
    'M-3,-3h6v6h-6z',
    'M0,-4l4,7h-8z',
    'M0,-4l4,4l-4,4l-4,-4z',
    'M0,4l4,-7h-8z',
    'M-4,-1h3v-3h2v3h3v2h-3v3h-2v-3h-3z'
  ];
  return (
    <path
      className={`wb-chart-marker ${seriesClass(props.position)}`}
      transform={`translate(${props.x},${props.y})`}
      d={shapes[props.position % KINDS]}
    />
  );
}

export function Legend({ names }: { names: readonly string[] }): JSX.Element | null {
  if (names.length < 2) {
    return null;
  }
  return (
    <ul className="wb-chart-legend">
      {names.map((name, i) => (
        <li key={i}>
          <svg width={30} height={10} aria-hidden="true">
            <path
              className={`wb-chart-line ${seriesClass(i)}`}
              strokeDasharray={dash(i)}
              d="M0,5H30"
            />
            <Marker position={i} x={15} y={5} />
          </svg>
          <bdi>{name}</bdi>
        </li>
      ))}
    </ul>
  );
}
