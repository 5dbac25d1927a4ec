import * as React from 'react';

import { useContext } from '../context';
import type { IColumn } from '../model';
import { Card } from '../ui/parts';

const FIRST = 40;

/** The columns with their public values. */
export function Fields({ columns }: { columns: IColumn[] }): React.ReactElement {
  const { trans } = useContext();
  const [all, setAll] = React.useState(false);
  const shown = all ? columns : columns.slice(0, FIRST);
  return (
    <Card
      title={trans._n('%1 field', '%1 fields', columns.length, columns.length)}
      aside={
        <span className="wb-Muted">
          {trans.__('bounds are public, set by the steward')}
        </span>
      }
    >
      <div
        className="wb-Scroll"
        role="region"
        aria-label={trans.__('Fields')}
        tabIndex={0}
      >
        <table className="wb-Table wb-Fields">
          <thead>
            <tr>
              <th scope="col">{trans.__('name')}</th>
              <th scope="col">{trans.__('kind')}</th>
              <th scope="col">{trans.__('values')}</th>
              <th scope="col">{trans.__('meaning')}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(column => (
              <tr key={column.name} data-role={column.role}>
                <th scope="row" className="wb-Mono">
                  {column.name}
                  {column.role === 'target' && (
                    <span className="wb-Badge">{trans.__('target')}</span>
                  )}
                </th>
                <td>
                  {column.kind}
                  {column.shape && ` ${column.shape.join(' × ')}`}
                </td>
                <td>{column.values}</td>
                <td>{column.description}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < columns.length && (
        <button type="button" className="wb-Button" onClick={() => setAll(true)}>
          {trans.__('Show all %1', columns.length)}
        </button>
      )}
    </Card>
  );
}
