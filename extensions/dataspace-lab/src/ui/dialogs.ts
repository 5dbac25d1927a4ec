import { Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type * as React from 'react';

import { toApiError } from '../api';

/** Show why something did not work, and what to do next. */
export async function tell(title: string, thrown: unknown): Promise<void> {
  const { message, hint } = toApiError(thrown);
  await showErrorMessage(title, [message, hint].filter(Boolean).join(' '));
}

/** Ask the person to confirm something; tells whether they did. */
export async function confirm(options: {
  title: string;
  body: React.ReactElement;
  keep: string;
  go: string;
  /** Whether it can be taken back. */
  harmless?: boolean;
}): Promise<boolean> {
  const answer = await showDialog({
    title: options.title,
    body: options.body,
    buttons: [
      Dialog.cancelButton({ label: options.keep }),
      (options.harmless ? Dialog.okButton : Dialog.warnButton)({ label: options.go })
    ],
    defaultButton: 0
  });
  return answer.button.accept;
}
