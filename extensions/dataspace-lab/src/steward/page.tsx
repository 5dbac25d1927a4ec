import * as React from 'react';

import type { IContext, PageArgs } from '../context';
import type { IRequest } from '../model';
import { RunProgress, StateMark } from '../requests/states';
import { cost, Foreign } from '../requests/words';
import { useStore } from '../store';
import { useLoaded } from '../ui/load';
import { ActionButton, Loading, Problem } from '../ui/parts';
import { Decision } from './decision';
import { ReviewFacts } from './facts';
import type { IReview } from './review';

const REHEARSAL_MS = 1_500;

/** One request with every fact of the decision, and the decision. */
export function ReviewPage(props: {
  context: IContext;
  args: PageArgs;
}): React.ReactElement {
  const { context, args } = props;
  const { trans, store, api } = context;
  const { domain, digest } = args;
  const live = useStore(store, state =>
    state.requests?.find(one => one.digest === digest && one.domain === domain)
  );
  const { value, problem, reload } = useLoaded(
    () => api.review(domain, digest) as Promise<unknown> as Promise<IReview>,
    [domain, digest, live?.state, live?.approvals.given.length]
  );
  const head = React.useRef<HTMLHeadingElement>(null);
  const rehearsing = value?.rehearsal.state === 'waiting';
  React.useEffect(() => {
    if (!rehearsing) {
      return;
    }
    // Its end is no event of the request, so the stream does not tell it.
    const timer = window.setInterval(() => {
      if (document.visibilityState === 'visible') {
        reload();
      }
    }, REHEARSAL_MS);
    return () => window.clearInterval(timer);
  }, [rehearsing, reload]);

  const request = live ?? value?.request;
  if (request === undefined || value === null) {
    return problem ? (
      <Problem problem={problem}>
        <ActionButton onClick={reload}>{trans.__('Try again')}</ActionButton>
      </Problem>
    ) : (
      <Loading label={trans.__('The facts are on their way')} />
    );
  }
  return (
    <article
      className="wb-RequestPage"
      aria-label={trans.__('Review %1', request.function)}
    >
      <header className="wb-RequestPage-head">
        {/* The form goes once it is used; the heading takes the focus then. */}
        <h1 ref={head} tabIndex={-1}>
          <Foreign>{request.function}</Foreign>
        </h1>
        <p>
          <Foreign>{request.researcher}</Foreign> {trans.__('on')}{' '}
          <Foreign>{request.path}</Foreign>
        </p>
        <div role="status">
          <StateMark trans={trans} request={request} />
        </div>
        <RunProgress trans={trans} request={request} />
      </header>
      {problem && <Problem problem={problem} />}
      <div className="wb-Cards">
        {request.state === 'pending' ? (
          <Decision
            context={context}
            request={request}
            onDecided={() => head.current?.focus()}
          />
        ) : (
          <Decided context={context} request={request} />
        )}
        <ReviewFacts trans={trans} request={request} review={value} />
      </div>
    </article>
  );
}

function Decided(props: { context: IContext; request: IRequest }): React.ReactElement {
  const { trans } = props.context;
  const { request } = props;
  const names = request.approvals.given.join(', ') || request.decider;
  return (
    <div className="wb-Problem wb-mod-info" role="note">
      <strong>
        {request.decided_by === 'policy' ? (
          trans.__('Decided by the policy')
        ) : request.decided_by === 'steward' ? (
          <>
            {trans.__('Decided by')} <Foreign>{names}</Foreign>
          </>
        ) : (
          trans.__('Not decided')
        )}
      </strong>
      {request.reason && <Foreign>{request.reason}</Foreign>}
      <span>{cost(trans, request)}</span>
      {request.failure && <span>{request.failure_words || request.failure}</span>}
    </div>
  );
}
