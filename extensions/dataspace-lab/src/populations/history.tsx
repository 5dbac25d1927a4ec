import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { figure, type ISteps, Steps } from '../charts';
import type { IContext } from '../context';
import type { IBlockHistory, IPopulationStatus } from '../oversight';
import { useLoaded } from '../ui/load';
import { ActionButton, Problem } from '../ui/parts';
import { onceShown, useShown } from '../ui/shown';
import { blockName } from './words';

/** The most lines that can be told apart in a chart. */
const MOST_LINES = 6;

function stepsOf(
  trans: TranslationBundle,
  history: IBlockHistory[],
  alone: boolean
): ISteps[] {
  return history
    .filter(one => one.points.length > 0)
    .slice(0, MOST_LINES)
    .map(one => ({
      name: blockName(trans, one.block, alone),
      points: one.points.map(point => ({
        time: Date.parse(point.time),
        value: point.epsilon_spent,
        what: `ε ${figure(point.epsilon_spent, 3)}`
      }))
    }));
}

/** What was spent when, one line a block; asked for once it can be seen. */
export function SpentOverTime(props: {
  context: IContext;
  domain: string;
  status: IPopulationStatus;
}): React.ReactElement {
  const { context, domain, status } = props;
  const { trans, api } = context;
  const { population, blocks } = status;
  const [place, shown] = useShown<HTMLDivElement>();
  const spent = blocks.map(one => `${one.block} ${one.epsilon_spent}`).join();
  const { value, problem, reload } = useLoaded(
    () => onceShown(shown, () => api.populationHistory(domain, population.name)),
    [domain, population.name, shown > 0, spent]
  );
  const steps = stepsOf(trans, value ?? [], blocks.length < 2);
  return (
    <div ref={place}>
      {problem && (
        <Problem problem={problem}>
          <ActionButton onClick={reload}>{trans.__('Try again')}</ActionButton>
        </Problem>
      )}
      {steps.length > 0 && (
        <Steps
          trans={trans}
          title={trans.__('Spent over time: %1', population.name)}
          label={trans.__('ε spent')}
          series={steps}
          limit={population.epsilon_total}
          limitLabel={trans.__('total')}
        />
      )}
    </div>
  );
}
