import type { JupyterFrontEnd } from '@jupyterlab/application';

import { CommandIDs } from '../commands';
import type { IContext, ISection } from '../context';
import { CatalogSection } from './section';
import { SEARCH_CLASS } from './search';

/** The section of the side panel. */
export const catalogSection: ISection = {
  id: 'catalog',
  title: context => context.trans.__('Data space'),
  grows: true,
  component: CatalogSection
};

/** Add the commands of the section. */
export function addCatalogCommands(app: JupyterFrontEnd, context: IContext): void {
  const { trans, watch } = context;
  context.addCommand(CommandIDs.find, {
    label: trans.__('Find a dataset'),
    caption: trans.__('Show the data space and go to its search box'),
    describedBy: { args: null },
    execute: async () => {
      await app.commands.execute(CommandIDs.open);
      const box = document.querySelector<HTMLInputElement>(`.${SEARCH_CLASS}`);
      box?.focus();
      box?.select();
    }
  });
  context.addCommand(CommandIDs.refresh, {
    label: trans.__('Ask the domains again'),
    describedBy: { args: null },
    execute: () => watch.refresh()
  });
}
