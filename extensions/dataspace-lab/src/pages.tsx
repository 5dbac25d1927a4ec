import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import * as React from 'react';

import { CommandIDs } from './commands';
import type { IContext, IPage, IPages, PageArgs } from './context';
import { DataSpaceWidget } from './widgets';

type PageWidget = MainAreaWidget<DataSpaceWidget> & { pageArgs: PageArgs };

/** Opens pages in the main area, each at most once, and opens them again after a reload. */
export class Pages implements IPages {
  private kinds = new Map<string, IPage>();
  private tracker = new WidgetTracker<PageWidget>({ namespace: 'dataspace' });
  private context: IContext | null = null;

  constructor(private readonly app: JupyterFrontEnd) {}

  /** Start: from here on pages can be opened. */
  ready(context: IContext, restorer: ILayoutRestorer | null): void {
    this.context = context;
    this.app.commands.addCommand(CommandIDs.openPage, {
      label: context.trans.__('Open a page of the data space'),
      describedBy: { args: null },
      execute: args => {
        const { kind, ...rest } = args as PageArgs;
        return this.open(kind, rest);
      }
    });
    if (restorer) {
      void restorer.restore(this.tracker, {
        command: CommandIDs.openPage,
        args: widget => widget.pageArgs as ReadonlyPartialJSONObject,
        name: widget => widget.id
      });
    }
  }

  add(page: IPage): void {
    this.kinds.set(page.kind, page);
  }

  open(kind: string, args: PageArgs): void {
    const page = this.kinds.get(kind);
    if (page === undefined || this.context === null) {
      return;
    }
    const id = ['dataspace', kind, ...Object.values(args)].join(':');
    const known = this.tracker.find(widget => widget.id === id);
    const widget = known ?? this.make(page, id, args);
    if (!widget.isAttached) {
      this.app.shell.add(widget, 'main');
    }
    this.app.shell.activateById(id);
  }

  private make(page: IPage, id: string, args: PageArgs): PageWidget {
    const context = this.context!;
    const Component = page.component;
    const content = new DataSpaceWidget(context, () => (
      <Component context={context} args={args} />
    ));
    content.addClass('wb-Page');
    content.node.tabIndex = -1;
    const widget = Object.assign(new MainAreaWidget({ content }), {
      pageArgs: { kind: page.kind, ...args }
    });
    widget.id = id;
    widget.title.label = page.label(context, args);
    widget.title.caption = page.caption?.(context, args) ?? widget.title.label;
    widget.title.icon = page.icon;
    widget.title.closable = true;
    void this.tracker.add(widget);
    return widget;
  }
}
