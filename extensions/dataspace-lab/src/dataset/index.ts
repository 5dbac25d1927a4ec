import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';

import { CommandIDs } from '../commands';
import type { IContext } from '../context';
import { dataSpaceIcon } from '../icons';
import { insertCells } from '../notebook';
import { attempt, save } from '../ui/attempt';
import { DatasetPage } from './page';

/** Which dataset a command is about. */
export interface ITarget {
  domain: string;
  name: string;
}

const TARGET = {
  args: {
    type: 'object' as const,
    properties: { domain: { type: 'string' as const }, name: { type: 'string' as const } }
  }
};

/** The dataset in a command's arguments, else the one that is selected in the list. */
export function targetOf(context: IContext, args: object): ITarget | null {
  const { domain, name } = args as Partial<ITarget>;
  if (domain && name) {
    return { domain, name };
  }
  const [first, ...rest] = (context.store.state.selected ?? '').split('/');
  return rest.length > 0 ? { domain: first, name: rest.join('/') } : null;
}

/** Add the page of a dataset and the commands that act on one. */
export function addDatasetCommands(app: JupyterFrontEnd, context: IContext): void {
  const { api, notebooks, pages, trans } = context;
  pages.add({
    kind: 'dataset',
    component: DatasetPage,
    label: (_, { name }) => name,
    caption: (_, { domain, name }) => `${domain}/${name}`,
    icon: dataSpaceIcon
  });

  const add = (
    id: string,
    label: string,
    execute: (target: ITarget) => Promise<unknown>,
    possible: () => boolean = () => true
  ): void =>
    context.addCommand(id, {
      label,
      describedBy: TARGET,
      isEnabled: args => targetOf(context, args) !== null && possible(),
      caption: trans.__('Acts on the dataset that is selected in the data space'),
      execute: args => {
        const target = targetOf(context, args);
        return target && attempt(trans, () => execute(target));
      }
    });

  add(CommandIDs.openDataset, trans.__('Open the dataset'), async target => {
    context.store.update({ selected: `${target.domain}/${target.name}` });
    pages.open('dataset', { ...target });
  });
  add(
    CommandIDs.insertStarter,
    trans.__('Insert a starter cell for the dataset'),
    async ({ domain, name }) => {
      const panel = notebooks?.currentWidget;
      if (panel) {
        const { cells } = await api.starter(domain, name);
        app.shell.activateById(panel.id);
        await insertCells(panel, cells);
      }
    },
    () => !!notebooks?.currentWidget
  );
  add(
    CommandIDs.newNotebook,
    trans.__('Start a new notebook with the dataset'),
    async ({ domain, name }) => {
      const { cells } = await api.starter(domain, name);
      const kernelName = app.serviceManager.kernelspecs.specs?.default;
      const panel = (await app.commands.execute('notebook:create-new', {
        kernelName
      })) as NotebookPanel;
      await insertCells(panel, cells);
    }
  );
  add(
    CommandIDs.saveCroissant,
    trans.__('Save the Croissant metadata of the dataset'),
    async ({ domain, name }) => {
      const text = JSON.stringify(await api.croissant(domain, name), null, 2);
      save(new Blob([text], { type: 'application/ld+json' }), `${name}.croissant.json`);
      Notification.info(
        trans.__('Saved %1 to your downloads.', `${name}.croissant.json`),
        {
          autoClose: 3000
        }
      );
    }
  );
}
