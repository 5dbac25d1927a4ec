import * as React from 'react';

import { CommandIDs } from '../commands';
import { useContext } from '../context';
import { useNotebook } from '../notebook';
import { ActionButton } from '../ui/parts';

/** What can be done with a dataset. */
export function Actions(props: { domain: string; name: string }): React.ReactElement {
  const { domain, name } = props;
  const { app, notebooks, trans } = useContext();
  const notebook = useNotebook(notebooks);
  const run = (command: string): void =>
    void app.commands.execute(command, { domain, name });
  return (
    <div
      className="wb-Actions"
      role="group"
      aria-label={trans.__('Work with this dataset')}
    >
      <ActionButton
        variant="primary"
        reason={
          notebook
            ? ''
            : trans.__('No notebook is open. Open one, or use “In a new notebook”.')
        }
        title={notebook ? trans.__('Into %1', notebook.title.label) : undefined}
        onClick={() => run(CommandIDs.insertStarter)}
      >
        {trans.__('Insert starter cell')}
      </ActionButton>
      <ActionButton
        variant={notebook ? 'plain' : 'primary'}
        onClick={() => run(CommandIDs.newNotebook)}
      >
        {trans.__('In a new notebook')}
      </ActionButton>
      <ActionButton onClick={() => run(CommandIDs.newStudy)}>
        {trans.__('New study')}
      </ActionButton>
      <ActionButton onClick={() => run(CommandIDs.runStudy)}>
        {trans.__('Run study …')}
      </ActionButton>
      <ActionButton variant="quiet" onClick={() => run(CommandIDs.saveCroissant)}>
        {trans.__('Croissant metadata')}
      </ActionButton>
    </div>
  );
}
