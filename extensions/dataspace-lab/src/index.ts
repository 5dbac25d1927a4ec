import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';

import { Api } from './api';
import { addCatalogCommands, catalogSection } from './catalog';
import { CommandIDs } from './commands';
import type { IContext } from './context';
import { addDatasetCommands } from './dataset';
import { dataSpaceIcon } from './icons';
import { Notifier } from './notifications';
import { Pages } from './pages';
import { Panel } from './panel';
import { addRequestCommands, requestsSection } from './requests';
import { addStewardCommands, stewardSection } from './steward';
import { Store } from './store';
import { addStudyCommands, studiesSection } from './studies';
import { Watch } from './watch';
import { DataSpaceWidget } from './widgets';

const ID = '@workbench/dataspace-lab:plugin';
const PANEL = 'dataspace-panel';

const plugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Find data, ask for runs and decide on them, in the side panel.',
  autoStart: true,
  optional: [
    ITranslator,
    ICommandPalette,
    ILayoutRestorer,
    INotebookTracker,
    ISettingRegistry,
    IStateDB,
    IDefaultFileBrowser
  ],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    notebooks: INotebookTracker | null,
    settings: ISettingRegistry | null,
    states: IStateDB | null,
    browser: IDefaultFileBrowser | null
  ) => {
    const trans = (translator ?? nullTranslator).load('workbench');
    const api = new Api(app.serviceManager.serverSettings);
    const store = new Store();
    const watch = new Watch(api, store);
    const pages = new Pages(app);
    const commands: string[] = [];
    const context: IContext = {
      app,
      api,
      store,
      watch,
      pages,
      trans,
      palette,
      notebooks,
      folder: () => {
        const path = browser?.model.path ?? '';
        // Another drive's files are not on the server.
        return path.includes(':') ? '' : path;
      },
      addCommand: (id, options) => {
        app.commands.addCommand(id, options);
        commands.push(id);
        palette?.addItem({ command: id, category: trans.__('Data space') });
      }
    };
    pages.ready(context, restorer);
    addCatalogCommands(app, context);
    addDatasetCommands(app, context);
    addStudyCommands(app, context);
    addRequestCommands(context);
    addStewardCommands(context);

    const sections = [catalogSection, requestsSection, studiesSection, stewardSection];
    const panel = new DataSpaceWidget(context, () =>
      React.createElement(Panel, { sections })
    );
    panel.id = PANEL;
    panel.title.icon = dataSpaceIcon;
    panel.title.caption = trans.__('Data space');
    panel.node.setAttribute('role', 'region');
    panel.node.setAttribute('aria-label', trans.__('Data space sidebar'));
    app.shell.add(panel, 'left', { rank: 350, type: 'Data space' });
    restorer?.add(panel, PANEL);
    context.addCommand(CommandIDs.open, {
      label: trans.__('Show the data space'),
      icon: dataSpaceIcon,
      describedBy: { args: null },
      execute: () => app.shell.activateById(PANEL)
    });
    const possible = (): string =>
      commands
        .map(id => `${app.commands.isVisible(id)} ${app.commands.isEnabled(id)}`)
        .join();
    let before = possible();
    store.changed.connect(() => {
      const now = possible();
      if (now !== before) {
        before = now;
        // A palette that is open shows what can be done now.
        app.commands.notifyCommandChanged();
      }
    });
    const notifier = new Notifier(app, trans, store, states);
    void settings?.load(ID).then(loaded => {
      const follow = (): void => {
        const { pollInterval, onlyWhileVisible, notifications } = loaded.composite;
        notifier.enabled = notifications as boolean;
        watch.configure({
          interval: pollInterval as number,
          onlyVisible: onlyWhileVisible as boolean
        });
      };
      loaded.changed.connect(follow);
      follow();
    });
  }
};

export default plugin;
