import { ReactWidget } from '@jupyterlab/apputils';
import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { ContextProvider, IContext } from './context';

/** A widget of ours: it has the context, and says when it is looked at. */
export class DataSpaceWidget extends ReactWidget {
  private looking: IDisposable | null = null;

  constructor(
    private readonly context: IContext,
    private readonly element: () => React.ReactElement
  ) {
    super();
    this.addClass('wb-Widget');
  }

  protected render(): React.ReactElement {
    return <ContextProvider value={this.context}>{this.element()}</ContextProvider>;
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.look();
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this.look();
    }
  }

  protected onBeforeHide(message: Message): void {
    this.lookAway();
    super.onBeforeHide(message);
  }

  protected onBeforeDetach(message: Message): void {
    this.lookAway();
    super.onBeforeDetach(message);
  }

  private look(): void {
    this.looking ??= this.context.watch.look();
  }

  private lookAway(): void {
    this.looking?.dispose();
    this.looking = null;
  }
}
