import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import type { Api } from './api';
import type { Store } from './store';
import type { Watch } from './watch';

/** What a page shows: a dataset's or a request's name, for instance. */
export type PageArgs = Record<string, string>;

/** A kind of page in the main area. */
export interface IPage {
  kind: string;
  component: React.ComponentType<{ context: IContext; args: PageArgs }>;
  label: (context: IContext, args: PageArgs) => string;
  caption?: (context: IContext, args: PageArgs) => string;
  icon?: LabIcon;
}

/** The pages that a section can add and open. */
export interface IPages {
  /** Make a kind of page known. */
  add(page: IPage): void;
  /** Open the page, or bring it to the front if it is open. */
  open(kind: string, args: PageArgs): void;
}

/** What every section, page and command works with. */
export interface IContext {
  readonly app: JupyterFrontEnd;
  readonly api: Api;
  readonly store: Store;
  readonly watch: Watch;
  readonly pages: IPages;
  readonly trans: TranslationBundle;
  readonly palette: ICommandPalette | null;
  readonly notebooks: INotebookTracker | null;
  /** The folder that the file browser shows, where new notebooks go. */
  folder(): string;
  /** Add a command to the application and to the palette's category "Data space". */
  addCommand(id: string, options: CommandRegistry.ICommandOptions): void;
}

/** A part of the side panel. */
export interface ISection {
  id: string;
  title: (context: IContext) => string;
  component: React.ComponentType<{ context: IContext }>;
  /** Whether it takes the room that the others leave. */
  grows?: boolean;
  /** Shown beside the title, for instance how many requests wait. */
  badge?: (context: IContext) => string;
  /** Whether this person has a use for it; always if left out. */
  wanted?: (context: IContext) => boolean;
}

const Context = React.createContext<IContext | null>(null);

export const ContextProvider = Context.Provider;

/** The context, in any component below a section or page. */
export function useContext(): IContext {
  const context = React.useContext(Context);
  if (context === null) {
    throw new Error('This component was rendered outside of a section or page.');
  }
  return context;
}
