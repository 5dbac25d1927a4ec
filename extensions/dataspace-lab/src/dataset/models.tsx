import * as React from 'react';

import { CommandIDs } from '../commands';
import { useContext } from '../context';
import type { IRequest } from '../model';
import { Card, Empty } from '../ui/parts';
import { ago, epsilon } from '../ui/words';

/** The person's own released requests on this dataset. */
export function Models({ models }: { models: IRequest[] }): React.ReactElement {
  const { app, trans } = useContext();
  return (
    <Card title={trans.__('Your results')}>
      {models.length === 0 ? (
        <Empty>
          {trans.__('None yet. Insert the starter cell and run it to get the first.')}
        </Empty>
      ) : (
        <ul className="wb-Models">
          {models.map(
            ({ domain, digest, function: name, kind, epsilon: spent, updated }) => (
              <li key={digest}>
                <button
                  type="button"
                  onClick={() =>
                    void app.commands.execute(CommandIDs.openRequest, {
                      domain,
                      digest
                    })
                  }
                >
                  <strong>{name}</strong>
                  <span>
                    {kind === 'training' ? trans.__('model') : trans.__('statistic')} · ε{' '}
                    {epsilon(spent)} · {ago(trans, updated)}
                  </span>
                </button>
              </li>
            )
          )}
        </ul>
      )}
    </Card>
  );
}
