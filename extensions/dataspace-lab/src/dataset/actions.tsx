import * as React from 'react';

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
        onClick={() => run('dataspace:insert-starter')}
      >
        {trans.__('Insert starter cell')}
      </ActionButton>
      <ActionButton
        variant={notebook ? 'plain' : 'primary'}
        onClick={() => run('dataspace:new-notebook')}
      >
        {trans.__('In a new notebook')}
      </ActionButton>
      <ActionButton onClick={() => run('dataspace:new-study')}>
        {trans.__('New study')}
      </ActionButton>
      <ActionButton onClick={() => run('dataspace:run-study')}>
        {trans.__('Run study …')}
      </ActionButton>
      <ActionButton variant="quiet" onClick={() => run('dataspace:save-croissant')}>
        {trans.__('Croissant metadata')}
      </ActionButton>
    </div>
  );
}
