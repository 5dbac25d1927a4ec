import { ISignal, Signal } from '@lumino/signaling';
import * as React from 'react';

import { ApiError } from './api';
import type { ICatalog, IRequest, ISession, IStudy } from './model';

/** What is known now. Values are replaced, never changed, so that identity tells news. */
export interface IState {
  /** null until the first answer. */
  session: ISession | null;
  catalog: ICatalog | null;
  requests: IRequest[] | null;
  studies: IStudy[] | null;
  /** Whether news arrives; "off" while nothing of ours is visible. */
  link: 'off' | 'connecting' | 'on' | 'lost';
  /** Why there is no news, or no catalog. */
  problem: ApiError | null;
  /** The path of the dataset that commands act on, such as "hospital-a/breast-cancer". */
  selected: string | null;
}

const EMPTY: IState = {
  session: null,
  catalog: null,
  requests: null,
  studies: null,
  link: 'off',
  problem: null,
  selected: null
};

/** The one place that holds what the views show. */
export class Store {
  private _state = EMPTY;
  private _changed = new Signal<this, IState>(this);

  get state(): IState {
    return this._state;
  }

  /** Emits the state before the change. */
  get changed(): ISignal<this, IState> {
    return this._changed;
  }

  update(news: Partial<IState>): void {
    const before = this._state;
    this._state = { ...before, ...news };
    this._changed.emit(before);
  }

  /** Put one request's news in its place, so that a view need not wait for the stream. */
  putRequest(request: IRequest): void {
    const known = this._state.requests ?? [];
    const same = (one: IRequest): boolean =>
      one.digest === request.digest && one.domain === request.domain;
    const requests = known.some(same)
      ? known.map(one => (same(one) ? request : one))
      : [request, ...known];
    this.update({ requests });
  }

  /** Put one study's news in its place. */
  putStudy(study: IStudy): void {
    const known = this._state.studies ?? [];
    const studies = known.some(one => one.id === study.id)
      ? known.map(one => (one.id === study.id ? study : one))
      : [study, ...known];
    this.update({ studies });
  }
}

/** The part of the state that `select` picks; renders again only if that part changed. */
export function useStore<T>(store: Store, select: (state: IState) => T): T {
  const subscribe = React.useCallback(
    (listener: () => void) => {
      store.changed.connect(listener);
      return () => {
        store.changed.disconnect(listener);
      };
    },
    [store]
  );
  return React.useSyncExternalStore(subscribe, () => select(store.state));
}
