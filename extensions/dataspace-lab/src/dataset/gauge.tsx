import * as React from 'react';

import { useContext } from '../context';
import type { IBudget } from '../model';
import { Card, Facts } from '../ui/parts';
import { count, epsilon } from '../ui/words';

const RADIUS = 70;
const LENGTH = Math.PI * RADIUS;
const ARC = `M ${90 - RADIUS} 88 A ${RADIUS} ${RADIUS} 0 0 1 ${90 + RADIUS} 88`;

/** How much of the privacy budget is left, as a half circle. */
export function BudgetGauge(props: {
  budget: IBudget;
  perRun: number;
}): React.ReactElement {
  const { budget, perRun } = props;
  const { trans } = useContext();
  const { epsilon_total: total, epsilon_left: left } = budget;
  const share = left === null || total <= 0 ? 0 : Math.max(0, Math.min(1, left / total));
  const words =
    left === null
      ? trans.__('The domain does not say what is left of ε %1', epsilon(total))
      : trans.__('ε %1 left of %2', epsilon(left), epsilon(total));
  const rows: [string, string][] = [
    [trans.__('one run'), trans.__('at most ε %1', epsilon(perRun))],
    ['δ', budget.delta.toString()]
  ];
  if (budget.runs !== null) {
    rows.push([trans.__('runs so far'), count(budget.runs)]);
  }
  if (budget.uses_left !== null) {
    rows.push([trans.__('runs left'), count(budget.uses_left)]);
  }
  return (
    <Card title={trans.__('Privacy budget')}>
      <svg
        className="wb-Gauge"
        viewBox="0 0 180 100"
        role="meter"
        aria-label={trans.__('Privacy budget left')}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={left ?? 0}
        aria-valuetext={words}
        data-level={share < 0.1 ? 'empty' : share < 0.3 ? 'low' : 'good'}
      >
        <path className="wb-Gauge-track" d={ARC} />
        <path
          className="wb-Gauge-left"
          d={ARC}
          strokeDasharray={`${share * LENGTH} ${LENGTH + 20}`}
          visibility={share > 0 ? 'visible' : 'hidden'}
        />
        <text x="90" y="72" className="wb-Gauge-number">
          {left === null ? '?' : epsilon(left)}
        </text>
        <text x="90" y="91" className="wb-Gauge-words">
          {trans.__('of ε %1 left', epsilon(total))}
        </text>
      </svg>
      <Facts rows={rows} />
    </Card>
  );
}
