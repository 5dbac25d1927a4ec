import { showErrorMessage } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { ApiError, toApiError } from '../api';

/** Do something and show what went wrong, if something did. */
export async function attempt(
  trans: TranslationBundle,
  action: () => Promise<unknown>
): Promise<void> {
  try {
    await action();
  } catch (thrown) {
    const { message, hint } = toApiError(thrown);
    await showErrorMessage(
      trans.__('That did not work'),
      [message, hint].filter(Boolean).join('\n')
    );
  }
}

/** Let the browser save a file. */
export function save(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser reads it after this turn.
  window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

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
