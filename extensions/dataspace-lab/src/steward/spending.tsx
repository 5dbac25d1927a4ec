import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { figure, Gauge, type ISteps, Steps } from '../charts';
import type { ISpending } from '../oversight';
import { Foreign, shortDigest } from '../requests/words';
import { Card } from '../ui/parts';

const MOST_LINES = 5;

/**
 * One line for everybody and one a researcher.
 *
 * Runs compose to less than their sum, so a researcher's line adds up by how much each of their
 * runs raised the whole: the lines together are what everybody spent.
 */
export function stepsOf(trans: TranslationBundle, spending: ISpending): ISteps[] {
  const events: Record<string, string> = {
    reserve: trans.__('set aside'),
    charge: trans.__('charged'),
    void: trans.__('given back')
  };
  const all: ISteps['points'][number][] = [];
  const each = new Map<string, ISteps['points'][number][]>();
  let before = 0;
  for (const point of spending.points) {
    const time = Date.parse(point.time);
    const what = `ε ${figure(point.epsilon_spent, 3)} (${events[point.event] ?? point.event}, ${shortDigest(point.request)})`;
    all.push({ time, value: point.epsilon_spent, what });
    const mine = each.get(point.researcher) ?? [];
    const value = (mine[mine.length - 1]?.value ?? 0) + point.epsilon_spent - before;
    mine.push({ time, value, what });
    each.set(point.researcher, mine);
    before = point.epsilon_spent;
  }
  const people = [...each].map(([name, points]) => ({ name, points }));
  people.sort(
    (a, b) => b.points[b.points.length - 1].value - a.points[a.points.length - 1].value
  );
  return people.length === 1
    ? people
    : [{ name: trans.__('everybody'), points: all }, ...people.slice(0, MOST_LINES)];
}

/** A dataset's budget: what is left, when it was spent and by whom. */
export function SpendingCard(props: {
  trans: TranslationBundle;
  path: string;
  spending: ISpending;
  aside?: React.ReactNode;
}): React.ReactElement {
  const { trans, path, spending } = props;
  const { budget, researchers, points } = spending;
  return (
    <Card title={trans.__('Budget')} aside={props.aside}>
      <Gauge
        trans={trans}
        label={trans.__('budget of %1', path)}
        total={budget.epsilon_total}
        left={budget.epsilon_left}
        spent={budget.epsilon_spent}
      />
      {points.length === 0 ? (
        <p>{trans.__('Nothing has been spent yet.')}</p>
      ) : (
        <Steps
          trans={trans}
          title={trans.__('Spent over time')}
          label={trans.__('ε spent')}
          series={stepsOf(trans, spending)}
          limit={budget.epsilon_total}
          limitLabel={trans.__('total')}
        />
      )}
      {researchers.length > 0 && (
        <div className="wb-Scroll">
          <table className="wb-Table">
            <caption className="wb-Hidden">{trans.__('Spent by researcher')}</caption>
            <thead>
              <tr>
                <th scope="col">{trans.__('who')}</th>
                <th scope="col">{trans.__('ε of their runs alone')}</th>
                <th scope="col">{trans.__('runs')}</th>
                <th scope="col">{trans.__('cap')}</th>
              </tr>
            </thead>
            <tbody>
              {researchers.map(one => (
                <tr key={one.key_id}>
                  <th scope="row">
                    <Foreign>{one.name}</Foreign>
                  </th>
                  <td>{figure(one.epsilon_spent, 3)}</td>
                  <td>{one.runs}</td>
                  <td>{one.cap === null ? trans.__('none') : figure(one.cap, 3)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
