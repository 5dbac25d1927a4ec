import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { IStateDB } from '@jupyterlab/statedb';
import type { TranslationBundle } from '@jupyterlab/translation';

import { CommandIDs } from './commands';
import type { IRequest } from './model';
import type { Store } from './store';

/** Good news goes away by itself; bad news waits until it was read. */
const GOOD_NEWS_MS = 10_000;
const KEY = 'dataspace:request-states';

/** Tells of requests that were decided, ended or failed since they were last seen. */
export class Notifier {
  enabled = true;
  private seen: Record<string, string> | null = null;
  private last: IRequest[] | null = null;

  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly trans: TranslationBundle,
    private readonly store: Store,
    private readonly states: IStateDB | null
  ) {
    void this.start();
  }

  private async start(): Promise<void> {
    const known = await this.states?.fetch(KEY);
    this.seen = (known as Record<string, string> | undefined) ?? null;
    this.store.changed.connect(this.look, this);
    this.look();
  }

  private look(): void {
    const { requests } = this.store.state;
    if (requests === null || requests === this.last) {
      return;
    }
    this.last = requests;
    const mine = requests.filter(request => request.mine);
    const states = Object.fromEntries(mine.map(one => [one.digest, one.state]));
    const before = this.seen;
    this.seen = { ...before, ...states };
    // The first look at all only learns: old news is no news.
    if (before !== null) {
      for (const request of mine) {
        this.tell(request, before[request.digest]);
      }
    }
    if (JSON.stringify(before) !== JSON.stringify(this.seen)) {
      void this.states?.save(KEY, states);
    }
  }

  private tell(request: IRequest, before: string | undefined): void {
    if (!this.enabled || before === undefined || before === request.state) {
      return;
    }
    const { trans } = this;
    const { domain, digest, function: name, path, reason, decider } = request;
    const because = [reason, request.failure_words].filter(Boolean).join(' ');
    const actions: Notification.IAction[] = [
      {
        label: trans.__('Show'),
        callback: () =>
          void this.app.commands.execute(CommandIDs.openRequest, { domain, digest })
      }
    ];
    if (request.state === 'released') {
      const text = trans.__('%1 on %2 is done: its results are here.', name, path);
      Notification.success(text, { actions, autoClose: GOOD_NEWS_MS });
    } else if (request.state === 'denied') {
      const text = trans.__('%1 on %2 was denied. %3', name, path, because);
      Notification.warning(text, { actions, autoClose: false });
    } else if (request.state === 'failed') {
      const text = trans.__('%1 on %2 failed. %3', name, path, because);
      Notification.error(text, { actions, autoClose: false });
    } else if (before === 'pending' && request.state !== 'cancelled') {
      const who = decider || trans.__('the policy');
      const text = trans.__('%1 on %2 was approved by %3.', name, path, who);
      Notification.info(text, { actions, autoClose: GOOD_NEWS_MS });
    }
  }
}
