import * as React from 'react';

import { useContext } from '../context';
import type { IRequest } from '../model';
import { ActionButton } from '../ui/parts';
import { ago } from '../ui/words';
import { cancelRequest, openRequest } from './actions';
import { isFinal, RunProgress, StateMark } from './states';
import { cost, Foreign } from './words';

/** One request in a list. */
export function RequestRow(props: {
  request: IRequest;
  now: number;
  /** Where the list is long, arrows go from row to row. */
  onArrow: (by: 1 | -1) => void;
}): React.ReactElement {
  const context = useContext();
  const { trans } = context;
  const { request, now, onArrow } = props;
  const why =
    request.state === 'denied'
      ? request.reason
      : request.state === 'failed'
        ? request.failure_words || request.failure
        : '';
  return (
    <div className="wb-Request" data-state={request.state}>
      <div className="wb-Request-head">
        <button
          type="button"
          className="wb-Request-open"
          onClick={() => openRequest(context, request)}
          onKeyDown={event => {
            if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
              event.preventDefault();
              onArrow(event.key === 'ArrowDown' ? 1 : -1);
            }
          }}
        >
          <Foreign>{request.function}</Foreign>
        </button>
        <span className="wb-Muted" title={request.submitted}>
          {ago(trans, request.submitted, now)}
        </span>
      </div>
      <div className="wb-Request-line">
        <StateMark trans={trans} request={request} />
        {!isFinal(request) && (
          <ActionButton
            variant="quiet"
            label={trans.__('Cancel %1', request.function)}
            reason={request.can_cancel ? '' : request.why_not_cancel}
            onClick={() => void cancelRequest(context, request)}
          >
            {trans.__('Cancel')}
          </ActionButton>
        )}
      </div>
      <RunProgress trans={trans} request={request} />
      <div className="wb-Muted">
        <Foreign>{request.path}</Foreign>
        {' · '}
        {cost(trans, request)}
      </div>
      {why && (
        <div className="wb-Request-why">
          <Foreign>{why}</Foreign>
        </div>
      )}
    </div>
  );
}
