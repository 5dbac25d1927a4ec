import * as React from 'react';

import { useContext } from '../context';
import type { IArrays, ISnippet } from '../model';
import { Card } from '../ui/parts';
import { number } from '../ui/words';
import { Picture, Trace } from './pictures';

/** Synthetic records, always labelled as such. */
export function Snippet({ snippet }: { snippet: ISnippet }): React.ReactElement {
  const { trans } = useContext();
  return (
    <Card
      title={trans.__('Snippet')}
      aside={<span className="wb-Synthetic">{snippet.words}</span>}
    >
      {snippet.arrays.map(arrays => (
        <Arrays key={arrays.column} arrays={arrays} />
      ))}
      {!isOnlyArrays(snippet) && <Rows snippet={snippet} />}
    </Card>
  );
}

/** Whether a table would show nothing that the pictures do not. */
function isOnlyArrays({ columns, arrays }: ISnippet): boolean {
  return arrays.length > 0 && columns.length <= arrays.length + 1;
}

function Rows({ snippet }: { snippet: ISnippet }): React.ReactElement {
  const { trans } = useContext();
  const shown = snippet.rows.slice(0, 20);
  return (
    <div
      className="wb-Scroll wb-Snippet-rows"
      role="region"
      aria-label={trans.__('Synthetic records')}
      tabIndex={0}
    >
      <table className="wb-Table">
        <thead>
          <tr>
            {snippet.columns.map(column => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, at) => (
            <tr key={at}>
              {row.map((value, column) => (
                <td key={column} data-number={typeof value === 'number'}>
                  {typeof value === 'number' ? number(value, 4) : String(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Arrays({ arrays }: { arrays: IArrays }): React.ReactElement {
  const { trans } = useContext();
  const { column, kind, items, labels, shape } = arrays;
  return (
    <div className={`wb-Arrays wb-mod-${kind}`} role="list" aria-label={column}>
      {items.slice(0, kind === 'image' ? 20 : 6).map((values, at) => {
        const label = labels[at] || trans.__('record %1', at + 1);
        return (
          <figure key={at} role="listitem">
            {kind === 'image' ? (
              <Picture values={values} shape={shape} label={label} />
            ) : (
              <Trace values={values} shape={shape} label={label} />
            )}
            <figcaption>{label}</figcaption>
          </figure>
        );
      })}
    </div>
  );
}
