import * as React from 'react';

import { CommandIDs } from '../commands';
import { useContext } from '../context';
import type { IStudy } from '../model';
import { useStore } from '../store';
import { attempt } from '../ui/attempt';
import { ActionButton, Meter } from '../ui/parts';
import { ago } from '../ui/words';

/** The studies that run or ran here. */
export function StudiesSection(): React.ReactElement {
  const { store, trans } = useContext();
  const studies = useStore(store, state => state.studies) ?? [];
  return (
    <ul className="wb-Studies" aria-label={trans.__('Studies')}>
      {studies.map(study => (
        <Study key={study.id} study={study} />
      ))}
    </ul>
  );
}

function Study({ study }: { study: IStudy }): React.ReactElement {
  const context = useContext();
  const { api, app, store, trans } = context;
  const { cell, cells, message, path, report, state } = study;
  const name = path.split('/').pop() ?? path;
  const words = {
    running: trans.__('cell %1 of %2', cell, cells),
    done: trans.__('done'),
    failed: trans.__('failed'),
    cancelled: trans.__('cancelled')
  }[state];
  return (
    <li className="wb-Study" data-state={state}>
      <div className="wb-Study-line">
        <strong title={path}>{name}</strong>
        <span>
          {words} · {ago(trans, study.ended ?? study.started)}
        </span>
      </div>
      {state === 'running' && (
        <Meter
          label={trans.__('Progress of %1', name)}
          value={cell}
          total={cells}
          text={words}
        />
      )}
      {message && <p className="wb-Muted">{message}</p>}
      <div className="wb-Study-line">
        {state === 'running' ? (
          <ActionButton
            label={trans.__('Cancel %1', name)}
            onClick={() =>
              void attempt(trans, async () =>
                store.putStudy(await api.cancelStudy(study.id))
              )
            }
          >
            {trans.__('Cancel')}
          </ActionButton>
        ) : (
          <ActionButton
            label={trans.__('Open the report of %1', name)}
            reason={report ? '' : trans.__('This study ended before it wrote a report.')}
            onClick={() =>
              void app.commands.execute(CommandIDs.openReport, { path: report })
            }
          >
            {trans.__('Open report')}
          </ActionButton>
        )}
      </div>
    </li>
  );
}
