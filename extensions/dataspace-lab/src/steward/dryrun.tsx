import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { figure } from '../charts';
import type { IDryRun } from '../oversight';
import { stateName } from '../requests/states';
import { Foreign } from '../requests/words';
import { ActionButton } from '../ui/parts';
import { clock } from '../ui/words';

const ROWS = 50;

/** What a policy would have done with past requests. */
export function DryRun(props: {
  trans: TranslationBundle;
  run: IDryRun;
}): React.ReactElement {
  const { trans, run } = props;
  const [most, setMost] = React.useState(ROWS);
  const approved = run.requests.filter(one => one.would === 'approve');
  const others = run.requests.filter(one => one.would !== 'approve');
  const rows = [...approved, ...others];
  return (
    <div className="wb-DryRun">
      <p role="status">
        <strong>
          {trans._n(
            'With this policy, %1 of %2 past requests would have been approved.',
            'With this policy, %1 of %2 past requests would have been approved.',
            run.would_approve,
            run.considered
          )}
        </strong>
      </p>
      {rows.length > 0 && (
        <div className="wb-Scroll">
          <table className="wb-Table">
            <caption className="wb-Hidden">{trans.__('Past requests')}</caption>
            <thead>
              <tr>
                <th scope="col">{trans.__('would be')}</th>
                <th scope="col">{trans.__('function')}</th>
                <th scope="col">{trans.__('who')}</th>
                <th scope="col">{trans.__('purpose')}</th>
                <th scope="col">ε</th>
                <th scope="col">{trans.__('submitted')}</th>
                <th scope="col">{trans.__('was')}</th>
                <th scope="col">{trans.__('why')}</th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, most).map(one => (
                <tr key={one.digest} data-would={one.would}>
                  <td>
                    {one.would === 'approve'
                      ? `✓ ${trans.__('approved')}`
                      : `? ${trans.__('asked of a steward')}`}
                  </td>
                  <th scope="row">
                    <Foreign>{one.function}</Foreign>
                  </th>
                  <td>
                    <Foreign>{one.researcher}</Foreign>
                  </td>
                  <td>{one.purpose}</td>
                  <td>{figure(one.epsilon, 3)}</td>
                  <td>{clock(one.submitted)}</td>
                  <td>{stateName(trans, one.state)}</td>
                  <td>
                    <Foreign>{one.why}</Foreign>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > most && (
        <ActionButton onClick={() => setMost(most + ROWS)}>
          {trans.__('Show %1 more', Math.min(ROWS, rows.length - most))}
        </ActionButton>
      )}
    </div>
  );
}
