import * as React from 'react';

import { ApiError, toApiError } from '../api';

export interface IAttempt {
  busy: boolean;
  problem: ApiError | null;
  /** Do it, and keep what went wrong; tells whether it was done. */
  attempt: (action: () => Promise<void>) => Promise<boolean>;
}

/** What a form does when it is sent: one thing at a time, with its error. */
export function useAttempt(): IAttempt {
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<ApiError | null>(null);
  const attempt = async (action: () => Promise<void>): Promise<boolean> => {
    setBusy(true);
    setProblem(null);
    try {
      await action();
      return true;
    } catch (thrown) {
      setProblem(toApiError(thrown));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, attempt };
}
