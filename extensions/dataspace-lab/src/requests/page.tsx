import * as React from 'react';

import type { IContext, PageArgs } from '../context';
import type { IRequest, IResult } from '../model';
import { useNotebook } from '../notebook';
import { useStore } from '../store';
import { useLoaded } from '../ui/load';
import { ActionButton, Card, Loading, Problem } from '../ui/parts';
import { cancelRequest, insertCode, whyNoNotebook } from './actions';
import { LearningCurve } from './curve';
import { FactsCard } from './facts';
import { ResultCards } from './result';
import { isFinal, RunProgress, StateMark } from './states';
import { Foreign } from './words';

/** A request on a page of its own: how far it is, then what was released. */
export function RequestPage(props: {
  context: IContext;
  args: PageArgs;
}): React.ReactElement {
  const { context, args } = props;
  const { trans, store, api } = context;
  const { domain, digest } = args;
  const live = useStore(store, state =>
    state.requests?.find(one => one.digest === digest && one.domain === domain)
  );
  // Progress comes with the news; only another state can bring a result.
  const { value, problem, loading, reload } = useLoaded(
    () => api.request(domain, digest),
    [domain, digest, live?.state, live?.approvals.given.length]
  );
  const request = live ?? value?.request;
  if (request === undefined) {
    return problem ? (
      <Problem problem={problem}>
        <ActionButton onClick={reload}>{trans.__('Try again')}</ActionButton>
      </Problem>
    ) : (
      <Loading label={trans.__('The request is on its way')} />
    );
  }
  const result = value?.result ?? null;
  const waiting = request.state === 'released' && result === null;
  return (
    <article
      className="wb-RequestPage"
      aria-label={trans.__('Request %1', request.function)}
    >
      <header className="wb-RequestPage-head">
        <h1>
          <Foreign>{request.function}</Foreign>
        </h1>
        <p>
          <Foreign>{request.path}</Foreign>
        </p>
        <div role="status">
          <StateMark trans={trans} request={request} />
        </div>
        <RunProgress trans={trans} request={request} />
        <Actions context={context} request={request} result={result} />
      </header>
      <Why request={request} context={context} />
      {problem && (
        <Problem problem={problem}>
          <ActionButton onClick={reload}>{trans.__('Try again')}</ActionButton>
        </Problem>
      )}
      {waiting && loading && <Loading label={trans.__('The result is on its way')} />}
      <div className="wb-Cards">
        <Growing context={context} request={request} />
        {result && <ResultCards request={request} result={result} />}
        <FactsCard request={request} />
      </div>
    </article>
  );
}

function Actions(props: {
  context: IContext;
  request: IRequest;
  result: IResult | null;
}): React.ReactElement {
  const { context, request, result } = props;
  const { trans } = context;
  useNotebook(context.notebooks);
  const noNotebook = whyNoNotebook(context);
  const code = result?.load_code ?? '';
  const whyNoCode = code
    ? noNotebook
    : trans.__('There is something to load once the request is released and verified.');
  const whyNot = request.can_cancel ? '' : request.why_not_cancel;
  const ended = isFinal(request);
  return (
    <>
      <div className="wb-Buttons">
        <ActionButton
          variant="primary"
          reason={whyNoCode}
          onClick={() => void insertCode(context, code)}
        >
          {request.kind === 'statistic'
            ? trans.__('Insert code to load this result')
            : trans.__('Insert code to load this model')}
        </ActionButton>
        <ActionButton
          reason={whyNot}
          onClick={() => void cancelRequest(context, request)}
        >
          {trans.__('Cancel the request')}
        </ActionButton>
      </div>
      <p className="wb-Muted">
        {[whyNoCode, ended ? '' : whyNot].filter(Boolean).join(' ')}
      </p>
    </>
  );
}

/** Why there is no release, if there is none. */
function Why(props: { context: IContext; request: IRequest }): React.ReactElement | null {
  const { trans } = props.context;
  const { request } = props;
  if (request.state === 'denied') {
    return (
      <div className="wb-Problem wb-mod-warning" role="note">
        <strong>
          {request.decided_by === 'policy'
            ? trans.__('Denied by the policy')
            : trans.__('Denied by the steward')}
        </strong>
        <Foreign>{request.reason}</Foreign>
        <span>
          {trans.__(
            'Change what the reason names and submit again; nothing was charged.'
          )}
        </span>
      </div>
    );
  }
  if (request.state === 'failed') {
    const problem = {
      message: trans.__('The run failed'),
      hint: request.failure_words || request.failure
    };
    return <Problem problem={problem} kind="warning" />;
  }
  return null;
}

/** The curve of a run that goes on, as far as the domain tells it. */
function Growing(props: {
  context: IContext;
  request: IRequest;
}): React.ReactElement | null {
  const { trans } = props.context;
  const { request } = props;
  const history = request.progress?.evaluations ?? [];
  if (request.state !== 'running' || history.length === 0) {
    return null;
  }
  return (
    <Card title={trans.__('So far')}>
      <LearningCurve
        trans={trans}
        history={history}
        steps={request.progress?.steps ?? history[history.length - 1].step}
      />
    </Card>
  );
}
