import * as React from 'react';

import type { IContext } from '../context';
import type { IRequest } from '../model';
import { useStore } from '../store';
import { Empty, Loading } from '../ui/parts';
import { VirtualList } from './list';
import { RequestRow } from './row';
import { isFinal, stateName, STATES } from './states';
import { useNow } from './words';

export function myRequests(requests: IRequest[] | null): IRequest[] {
  return (requests ?? []).filter(request => request.mine);
}

/** The researcher's own requests at all domains. */
export function RequestsSection({ context }: { context: IContext }): React.ReactElement {
  const { trans, store } = context;
  const known = useStore(store, state => state.requests);
  const problem = useStore(store, state => state.problem);
  const [state, setState] = React.useState('');
  const now = useNow();
  const mine = React.useMemo(() => myRequests(known), [known]);
  const shown = state ? mine.filter(request => request.state === state) : mine;
  const running = mine.filter(request => !isFinal(request)).length;

  if (known === null) {
    // Why there is no news is said once, on top of the panel.
    return problem ? (
      <Empty>{trans.__('Your requests are not known now.')}</Empty>
    ) : (
      <Loading label={trans.__('Requests are on their way')} />
    );
  }
  if (mine.length === 0) {
    return (
      <Empty>
        {trans.__(
          'You have not asked for a run yet. Open a dataset and insert its starter code: submit() puts a request here.'
        )}
      </Empty>
    );
  }
  return (
    <div className="wb-Requests">
      <div className="wb-Requests-bar">
        <select
          className="wb-Input"
          aria-label={trans.__('Which requests to show')}
          value={state}
          onChange={event => setState(event.target.value)}
        >
          <option value="">{trans.__('All requests (%1)', mine.length)}</option>
          {STATES.map(one => {
            const count = mine.filter(request => request.state === one).length;
            return (
              <option key={one} value={one}>
                {trans.__('%1 (%2)', stateName(trans, one), count)}
              </option>
            );
          })}
        </select>
      </div>
      <p className="wb-Hidden" role="status">
        {trans._n('%1 request is under way', '%1 requests are under way', running)}
      </p>
      {shown.length === 0 ? (
        <Empty>{trans.__('No request of yours is in this state.')}</Empty>
      ) : (
        <VirtualList
          label={trans.__('My requests')}
          items={shown}
          keyOf={request => request.domain + request.digest}
          estimate={88}
          draw={(request, arrow) => (
            <RequestRow request={request} now={now} onArrow={arrow} />
          )}
        />
      )}
    </div>
  );
}
