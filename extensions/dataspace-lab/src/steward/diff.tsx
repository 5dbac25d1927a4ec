import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Foreign } from '../requests/words';
import type { IReview } from './review';

/** What differs from the last approved request; marked with words and signs, not colour alone. */
export function Diff(props: {
  trans: TranslationBundle;
  previous: IReview['previous'];
}): React.ReactElement {
  const { trans, previous } = props;
  if (previous === null) {
    return <p>{trans.__('This function has not been approved before.')}</p>;
  }
  if (previous.changes.length === 0) {
    return <p>{trans.__('Nothing has changed.')}</p>;
  }
  return (
    <div className="wb-Scroll">
      <table className="wb-Table wb-Diff">
        <thead>
          <tr>
            <th scope="col">{trans.__('field')}</th>
            <th scope="col">{trans.__('before')}</th>
            <th scope="col">{trans.__('now')}</th>
          </tr>
        </thead>
        <tbody>
          {previous.changes.map(change => (
            <tr key={change.field}>
              <th scope="row">
                <Foreign>{change.field}</Foreign>
              </th>
              <td className="wb-Diff-before">
                <del>
                  <Foreign>{change.before || '–'}</Foreign>
                </del>
              </td>
              <td className="wb-Diff-after">
                <ins>
                  <Foreign>{change.after || '–'}</Foreign>
                </ins>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
