import * as React from 'react';

import { ApiError, toApiError } from '../api';
import type { IContext } from '../context';
import type { IRequest } from '../model';
import { Foreign } from '../requests/words';
import { useStore } from '../store';
import { ActionButton, Card, Problem, useUniqueId } from '../ui/parts';
import { approvedByMe } from './domains';

const LONGEST_REASON = 2000;

/** Why this person cannot approve now; empty if they can. */
export function whyNotApprove(context: IContext, request: IRequest): string {
  return approvedByMe(context.store.state, request)
    ? context.trans.__(
        'You have approved it already. It takes one more approval, by somebody else.'
      )
    : '';
}

/** Who approved so far, and how many more approvals are needed. */
export function Approvals(props: {
  context: IContext;
  request: IRequest;
}): React.ReactElement | null {
  const { trans } = props.context;
  const { given, needed } = props.request.approvals;
  if (needed < 2 || props.request.state !== 'pending') {
    return null;
  }
  const more = needed - given.length;
  return (
    <p className="wb-Approvals" role="status">
      {given.length > 0 ? (
        <>
          {trans.__('Approved by')} <Foreign>{given.join(', ')}</Foreign>
          {'; '}
        </>
      ) : (
        <>{trans.__('This dataset needs the approval of two stewards; ')}</>
      )}
      <strong>
        {given.length === 0
          ? trans.__('both are missing.')
          : trans._n('%1 more is needed.', '%1 more are needed.', more)}
      </strong>
    </p>
  );
}

/** Approve, or deny with a reason that the researcher will read. */
export function Decision(props: {
  context: IContext;
  request: IRequest;
  /** Called when it is decided and this form is about to go. */
  onDecided: () => void;
}): React.ReactElement {
  const { context, request, onDecided } = props;
  const { trans, api, store } = context;
  useStore(store, state => state.session?.key_id);
  const [reason, setReason] = React.useState('');
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<ApiError | null>(null);
  const hint = useUniqueId('reason');
  const whyNot = whyNotApprove(context, request);
  const whyNoDenial = reason.trim() ? '' : trans.__('To deny, write a reason first.');

  const send = async (verdict: 'approve' | 'deny'): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      const news = await api.decide(
        request.domain,
        request.digest,
        verdict,
        reason.trim()
      );
      store.putRequest(news);
      onDecided();
    } catch (thrown) {
      setProblem(toApiError(thrown));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Card title={trans.__('Your decision')}>
      <Approvals context={context} request={request} />
      <textarea
        className="wb-Input"
        rows={3}
        maxLength={LONGEST_REASON}
        aria-label={trans.__('Reason')}
        aria-describedby={hint}
        placeholder={trans.__('Reason: the researcher will read it')}
        value={reason}
        onChange={event => setReason(event.target.value)}
      />
      <p id={hint} className="wb-Muted">
        {[whyNot, whyNoDenial].filter(Boolean).join(' ')}
      </p>
      <div className="wb-Buttons">
        <ActionButton
          variant="primary"
          busy={busy}
          reason={whyNot}
          onClick={() => void send('approve')}
        >
          {trans.__('Approve')}
        </ActionButton>
        <ActionButton
          variant="danger"
          busy={busy}
          reason={whyNoDenial}
          onClick={() => void send('deny')}
        >
          {trans.__('Deny')}
        </ActionButton>
      </div>
      {problem && <Problem problem={problem} />}
    </Card>
  );
}
