import * as React from 'react';

import { figure, Gauge } from '../charts';
import type { IContext } from '../context';
import type { IPopulation, IPopulationStatus } from '../oversight';
import { Foreign } from '../requests/words';
import { Card, Facts } from '../ui/parts';
import { count } from '../ui/words';
import { Actions } from './actions';
import { SpentOverTime } from './history';
import { blockName, Each } from './words';

/** One population: what it was promised, what is left, and what a steward can do. */
export function PopulationCard(props: {
  context: IContext;
  domain: string;
  status: IPopulationStatus;
  all: IPopulationStatus[];
  onChanged: () => void;
}): React.ReactElement {
  const { context, domain, status, all, onChanged } = props;
  const { trans } = context;
  const { population, blocks } = status;
  const { name, epsilon_total: total } = population;
  const several = blocks.length > 1;
  const most = blocks[0];
  return (
    <Card
      title={population.title ? <Foreign>{population.title}</Foreign> : name}
      aside={population.title && <span className="wb-Mono">{name}</span>}
    >
      <div className="wb-Population">
        <Gauge
          trans={trans}
          label={trans.__('budget of population %1', name)}
          total={total}
          left={most?.epsilon_left ?? total}
          spent={most?.epsilon_spent ?? 0}
        />
        {several && (
          <p className="wb-Muted">
            {trans.__('This is the block that spent most:')}{' '}
            <Foreign>{blockName(trans, most.block, false)}</Foreign>
          </p>
        )}
        <Facts rows={factsOf(context, status)} />
        {several && <Blocks context={context} status={status} />}
        <SpentOverTime context={context} domain={domain} status={status} />
        <Actions
          context={context}
          domain={domain}
          population={population}
          all={all}
          onChanged={onChanged}
        />
      </div>
    </Card>
  );
}

function factsOf(
  context: IContext,
  status: IPopulationStatus
): [string, React.ReactNode][] {
  const { trans } = context;
  const { population, datasets } = status;
  const caps = capsOf(context, population);
  const rows: [string, React.ReactNode][] = [
    [
      trans.__('Promised'),
      <>
        ε {figure(population.epsilon_total)} {trans.__('at')} δ{' '}
        {population.delta.toString()}
        {', '}
        {trans.__('to')} <Each trans={trans} unit={population.unit} />
      </>
    ],
    [trans.__('Datasets'), datasets.join(', ') || trans.__('none yet')]
  ];
  if (population.blocks) {
    rows.push([trans.__('Blocks by'), <Foreign>{population.blocks}</Foreign>]);
  }
  if (caps) {
    rows.push([trans.__('Caps'), caps]);
  }
  return rows;
}

function capsOf(context: IContext, population: IPopulation): string {
  const { trans } = context;
  const { uses, epsilon_per_researcher: each } = population;
  return [
    uses === null ? '' : trans._n('%2 run', '%2 runs', uses, count(uses)),
    each === null ? '' : trans.__('ε %1 for one researcher', figure(each))
  ]
    .filter(Boolean)
    .join(', ');
}

function Blocks(props: {
  context: IContext;
  status: IPopulationStatus;
}): React.ReactElement {
  const { trans } = props.context;
  const { population, blocks } = props.status;
  const label = trans.__('Blocks of %1', population.name);
  return (
    // With many blocks it scrolls, so the keyboard has to reach it.
    <div className="wb-Scroll wb-Blocks" role="region" aria-label={label} tabIndex={0}>
      <table className="wb-Table">
        <caption className="wb-Hidden">{label}</caption>
        <thead>
          <tr>
            <th scope="col">{trans.__('block')}</th>
            <th scope="col">{trans.__('ε spent at most')}</th>
            <th scope="col">{trans.__('ε left')}</th>
            <th scope="col">{trans.__('runs')}</th>
          </tr>
        </thead>
        <tbody>
          {blocks.map(one => (
            <tr key={one.block}>
              <th scope="row">
                <Foreign>{blockName(trans, one.block, false)}</Foreign>
              </th>
              <td>{figure(one.epsilon_spent, 3)}</td>
              <td>{figure(one.epsilon_left, 3)}</td>
              <td>{count(one.runs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
