import * as React from 'react';

import type { IContext } from '../context';
import { ActionButton } from '../ui/parts';

/** The buttons at the end of a form, and why it cannot be sent now. */
export function Send(props: {
  context: IContext;
  words: string;
  reason: string;
  busy: boolean;
  onSend: () => void;
  onClose: () => void;
}): React.ReactElement {
  const { context, words, reason, busy, onSend, onClose } = props;
  return (
    <div className="wb-Buttons">
      <ActionButton variant="primary" reason={reason} busy={busy} onClick={onSend}>
        {words}
      </ActionButton>
      <ActionButton onClick={onClose}>{context.trans.__('Cancel')}</ActionButton>
      <span className="wb-Muted">{reason}</span>
    </div>
  );
}
