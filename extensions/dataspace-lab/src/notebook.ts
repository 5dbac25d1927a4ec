import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import * as React from 'react';

import type { IStarter } from './model';

/** The notebook that was used last, or null if none is open. */
export function useNotebook(notebooks: INotebookTracker | null): NotebookPanel | null {
  const subscribe = React.useCallback(
    (listener: () => void) => {
      notebooks?.currentChanged.connect(listener);
      return () => {
        notebooks?.currentChanged.disconnect(listener);
      };
    },
    [notebooks]
  );
  return React.useSyncExternalStore(subscribe, () => notebooks?.currentWidget ?? null);
}

/** Put the cells at the active cell: in its place if it is empty, below it otherwise. */
export async function insertCells(
  panel: NotebookPanel,
  cells: IStarter['cells']
): Promise<void> {
  await panel.context.ready;
  await panel.revealed;
  const notebook = panel.content;
  let first = -1;
  for (const [at, cell] of cells.entries()) {
    const empty =
      (notebook.activeCell?.model.sharedModel.getSource() ?? '').trim() === '';
    if (at > 0 || !empty || notebook.activeCell === null) {
      NotebookActions.insertBelow(notebook);
    }
    if (notebook.activeCell!.model.type !== cell.kind) {
      NotebookActions.changeCellType(notebook, cell.kind);
    }
    notebook.activeCell!.model.sharedModel.setSource(cell.source);
    first = at === 0 ? notebook.activeCellIndex : first;
  }
  NotebookActions.renderAllMarkdown(notebook);
  notebook.mode = 'command';
  notebook.activeCellIndex = first;
  await notebook.scrollToItem(first);
  notebook.activate();
}
