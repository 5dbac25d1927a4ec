import * as React from 'react';

import { ApiError, toApiError } from '../api';

export interface ILoaded<T> {
  value: T | null;
  problem: ApiError | null;
  loading: boolean;
  /** Ask again; what is shown stays until the answer is there. */
  reload: () => void;
}

/** What `ask` answers; asked again when `keys` change. A late answer never replaces a newer. */
export function useLoaded<T>(
  ask: () => Promise<T>,
  keys: React.DependencyList
): ILoaded<T> {
  const [state, setState] = React.useState<Omit<ILoaded<T>, 'reload'>>({
    value: null,
    problem: null,
    loading: true
  });
  const [turn, setTurn] = React.useState(0);
  React.useEffect(() => {
    let current = true;
    setState(before => ({ ...before, loading: true }));
    ask().then(
      value => current && setState({ value, problem: null, loading: false }),
      thrown =>
        current &&
        setState(before => ({ ...before, problem: toApiError(thrown), loading: false }))
    );
    return () => {
      current = false;
    };
  }, [...keys, turn]);
  const reload = React.useCallback(() => setTurn(before => before + 1), []);
  return { ...state, reload };
}
