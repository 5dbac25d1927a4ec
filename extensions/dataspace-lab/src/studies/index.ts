import type { JupyterFrontEnd } from '@jupyterlab/application';
import { PathExt } from '@jupyterlab/coreutils';

import { CommandIDs } from '../commands';
import type { IContext, ISection } from '../context';
import { targetOf } from '../dataset';
import { attempt } from '../ui/attempt';
import { askForRun } from './dialog';
import { StudiesSection } from './section';

/** The section of the side panel: there only once there is a study. */
export const studiesSection: ISection = {
  id: 'studies',
  title: context => context.trans.__('Studies'),
  wanted: context => (context.store.state.studies ?? []).length > 0,
  badge: context => {
    const running = (context.store.state.studies ?? []).filter(
      study => study.state === 'running'
    ).length;
    return running > 0 ? context.trans.__('%1 running', running) : '';
  },
  component: StudiesSection
};

/** Add the commands that make and run studies. */
export function addStudyCommands(app: JupyterFrontEnd, context: IContext): void {
  const { api, notebooks, store, trans } = context;
  const string = { type: 'string' as const };
  const describedBy = {
    args: {
      type: 'object' as const,
      properties: { domain: string, name: string, path: string }
    }
  };
  context.addCommand(CommandIDs.newStudy, {
    label: trans.__('New study of the dataset'),
    caption: trans.__('A notebook with parameters, to run many times'),
    describedBy,
    isEnabled: args => targetOf(context, args) !== null,
    execute: args =>
      attempt(trans, async () => {
        const target = targetOf(context, args)!;
        const folder = context.folder();
        const { path } = await api.newStudy(`${target.domain}/${target.name}`, folder);
        await app.commands.execute('docmanager:open', { path });
      })
  });
  context.addCommand(CommandIDs.runStudy, {
    label: trans.__('Run a study …'),
    caption: trans.__('Run a notebook from top to bottom with other parameters'),
    describedBy,
    execute: args =>
      attempt(trans, async () => {
        const notebook = notebooks?.currentWidget?.context;
        if (notebook?.model.dirty) {
          // What runs is the file.
          await notebook.save();
        }
        const open = notebook?.path;
        const target = targetOf(context, args);
        const made = target
          ? PathExt.join(context.folder(), `${target.name}-study.ipynb`)
          : '';
        const path = (args.path as string | undefined) ?? open ?? made;
        const wanted = await askForRun(context, path);
        if (wanted) {
          store.putStudy(await api.runStudy(wanted.path, wanted.parameters));
          await app.commands.execute(CommandIDs.open);
        }
      })
  });
  context.addCommand(CommandIDs.openReport, {
    label: trans.__('Open the report of the last study'),
    describedBy,
    isEnabled: args => !!args.path || lastReport(context) !== null,
    execute: args =>
      app.commands.execute('docmanager:open', {
        path: (args.path as string | undefined) ?? lastReport(context)
      })
  });
}

function lastReport(context: IContext): string | null {
  return (context.store.state.studies ?? []).find(study => study.report)?.report ?? null;
}
