import { DisposableDelegate, IDisposable } from '@lumino/disposable';

import { Api, ApiError, toApiError } from './api';
import type { IRequest, ISession, IStudy } from './model';
import { Store } from './store';
import type { IServerEvent } from './stream';

/** What the person set. */
export interface IWatchOptions {
  /** Seconds between the server's questions to the domains. */
  interval: number;
  /** Whether to ask only while something of ours is visible. */
  onlyVisible: boolean;
}

const FIRST_RETRY = 1_000;
const LAST_RETRY = 30_000;

/** Keeps one stream of news open while somebody looks, and none otherwise. */
export class Watch implements IDisposable {
  private options: IWatchOptions = { interval: 5, onlyVisible: true };
  private lookers = new Set<symbol>();
  private running: AbortController | null = null;
  private retry: number | undefined;
  private pause = FIRST_RETRY;
  private disposed = false;

  constructor(
    private readonly api: Api,
    private readonly store: Store
  ) {
    document.addEventListener('visibilitychange', this.settle);
  }

  get isDisposed(): boolean {
    return this.disposed;
  }

  dispose(): void {
    this.disposed = true;
    document.removeEventListener('visibilitychange', this.settle);
    this.stop();
  }

  configure(options: IWatchOptions): void {
    const changed = options.interval !== this.options.interval;
    this.options = options;
    if (changed) {
      this.stop();
    }
    this.settle();
  }

  /** Say that a view is visible, until what is returned is disposed. */
  look(): IDisposable {
    const looker = Symbol('looker');
    this.lookers.add(looker);
    this.settle();
    return new DisposableDelegate(() => {
      this.lookers.delete(looker);
      this.settle();
    });
  }

  /** Connect again now, without waiting for the next try. */
  refresh(): void {
    this.stop();
    this.pause = FIRST_RETRY;
    this.settle();
  }

  private get wanted(): boolean {
    const seen = this.lookers.size > 0 && document.visibilityState === 'visible';
    return !this.disposed && (seen || !this.options.onlyVisible);
  }

  private settle = (): void => {
    if (!this.wanted) {
      this.stop();
    } else if (this.running === null && this.retry === undefined) {
      void this.run();
    }
  };

  private stop(): void {
    window.clearTimeout(this.retry);
    this.retry = undefined;
    this.running?.abort();
    this.running = null;
    if (this.store.state.link !== 'off') {
      this.store.update({ link: 'off' });
    }
  }

  private async run(): Promise<void> {
    const controller = new AbortController();
    this.running = controller;
    this.store.update({ link: 'connecting' });
    let problem: ApiError | null = null;
    try {
      await this.api.watch(this.options.interval, controller.signal, event => {
        if (!controller.signal.aborted) {
          this.take(event);
        }
      });
    } catch (thrown) {
      problem = toApiError(thrown);
    }
    if (controller.signal.aborted) {
      return;
    }
    this.running = null;
    this.store.update({ link: 'lost', problem: problem ?? this.store.state.problem });
    if (problem?.code === 'extension-missing') {
      // Only a restart of the server changes that: the person says when to try again.
      return;
    }
    this.retry = window.setTimeout(() => {
      this.retry = undefined;
      this.settle();
    }, this.pause);
    this.pause = Math.min(2 * this.pause, LAST_RETRY);
  }

  private take({ event, data }: IServerEvent): void {
    this.pause = FIRST_RETRY;
    const news = { link: 'on' as const, problem: null };
    if (event === 'session') {
      this.store.update({ ...news, session: data as ISession });
    } else if (event === 'requests') {
      this.store.update({
        ...news,
        requests: (data as { requests: IRequest[] }).requests
      });
    } else if (event === 'studies') {
      this.store.update({ ...news, studies: (data as { studies: IStudy[] }).studies });
    } else if (event === 'catalog') {
      void this.fetchCatalog((data as { version: string }).version);
    }
  }

  private async fetchCatalog(version: string): Promise<void> {
    if (this.store.state.catalog?.version === version) {
      return;
    }
    try {
      this.store.update({ catalog: await this.api.catalog() });
    } catch (thrown) {
      this.store.update({ problem: toApiError(thrown) });
    }
  }
}
