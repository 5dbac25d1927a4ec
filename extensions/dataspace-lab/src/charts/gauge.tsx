/** A budget: what is left, asked for and spent, of a total. What is asked for is hatched, not only coloured. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { figure } from './scale';

export function Gauge(props: {
  trans: TranslationBundle;
  /** Whose budget; the accessible name. */
  label: string;
  total: number;
  /** `null`: the domain has not said. */
  left: number | null;
  /** Caps may leave less than the total minus this. */
  spent: number | null;
  /** What a request asks for. It is set aside already, so it is a part of what is spent. */
  asked?: number;
}): JSX.Element {
  const { trans, label, total, left, spent, asked = 0 } = props;
  const hatch = React.useId();
  if (left === null || spent === null) {
    return (
      <span className="wb-gauge-words">
        {trans.__('ε %1 in all; what is left is not known now', figure(total))}
      </span>
    );
  }
  const words = trans.__(
    'ε %1 of %2 left, %3 spent or set aside',
    figure(left, 3),
    figure(total, 3),
    figure(spent, 3)
  );
  const percent = (value: number): string =>
    `${(100 * Math.max(0, value)) / (total || 1)}%`;
  return (
    <span className="wb-gauge">
      <svg
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={left}
        aria-valuetext={words}
        width="100%"
        height={12}
      >
        <title>{words}</title>
        <defs>
          <pattern id={hatch} width={6} height={6} patternUnits="userSpaceOnUse">
            <rect className="wb-gauge-asked" width={6} height={6} />
            <path className="wb-gauge-hatch" d="M-1,1l2,-2M0,6l6,-6M5,7l2,-2" />
          </pattern>
        </defs>
        <rect className="wb-gauge-track" width="100%" height={12} rx={6} />
        <rect className="wb-gauge-left" width={percent(left)} height={12} rx={6} />
        {asked > 0 && (
          <rect
            x={percent(left)}
            width={percent(Math.min(asked, spent))}
            height={12}
            fill={`url(#${hatch})`}
          />
        )}
      </svg>
      <span className="wb-gauge-words">
        {words}
        {asked > 0 && trans.__(', of it %1 asked for here (hatched)', figure(asked, 3))}
      </span>
    </span>
  );
}
