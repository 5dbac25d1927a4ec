/** Axes with light grid lines; labels are drawn in the page's own font and colours. */

import * as React from 'react';
import { figure, IScale } from './scale';

export interface IMargins {
  top: number;
  right: number;
  bottom: number;
  left: number;
}

export const MARGINS: IMargins = { top: 8, right: 22, bottom: 36, left: 46 };

interface IAxis {
  scale: IScale;
  label: string;
  write?: (value: number) => string;
}

export function XAxis(
  props: IAxis & {
    width: number;
    height: number;
    margins?: IMargins;
    ticks?: readonly number[];
  }
): JSX.Element {
  const { scale, width, height, margins = MARGINS, write = figure } = props;
  const base = height - margins.bottom;
  const middle = (margins.left + width - margins.right) / 2;
  return (
    <g className="wb-chart-axis">
      <line x1={margins.left} x2={width - margins.right} y1={base} y2={base} />
      {(props.ticks ?? scale.ticks).map(tick => (
        <g key={tick} transform={`translate(${scale(tick)},${base})`}>
          <line y2={4} />
          <text y={15} textAnchor="middle">
            {write(tick)}
          </text>
        </g>
      ))}
      <text className="wb-chart-label" x={middle} y={height - 5} textAnchor="middle">
        {props.label}
      </text>
    </g>
  );
}

export function YAxis(props: IAxis & { width: number; margins?: IMargins }): JSX.Element {
  const { scale, width, margins = MARGINS, write = figure } = props;
  const [low, high] = scale.domain;
  return (
    <g className="wb-chart-axis">
      {scale.ticks.map(tick => (
        <g key={tick} transform={`translate(0,${scale(tick)})`}>
          <line className="wb-chart-grid" x1={margins.left} x2={width - margins.right} />
          <text x={margins.left - 6} dy="0.32em" textAnchor="end">
            {write(tick)}
          </text>
        </g>
      ))}
      <text
        className="wb-chart-label"
        transform={`translate(10,${(scale(low) + scale(high)) / 2}) rotate(-90)`}
        textAnchor="middle"
      >
        {props.label}
      </text>
    </g>
  );
}
