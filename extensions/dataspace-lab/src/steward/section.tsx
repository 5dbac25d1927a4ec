import * as React from 'react';

import { figure, Gauge } from '../charts';
import type { IContext } from '../context';
import type { IEntry, IRequest } from '../model';
import { VirtualList } from '../requests/list';
import { StateMark } from '../requests/states';
import { Foreign, useNow } from '../requests/words';
import { useStore } from '../store';
import { ActionButton, Empty, Loading } from '../ui/parts';
import { ago } from '../ui/words';
import { datasetsOf, stewardDomains, waiting } from './domains';

/** What waits for this steward, and what is theirs to look after. */
export function StewardSection({ context }: { context: IContext }): React.ReactElement {
  const { trans, store } = context;
  const state = useStore(store, one => one);
  const now = useNow();
  const queue = waiting(state);
  const domains = stewardDomains(state);
  return (
    <div className="wb-Steward">
      {state.requests === null ? (
        <Loading label={trans.__('Requests are on their way')} />
      ) : queue.length === 0 ? (
        <Empty>{trans.__('Nothing waits for you.')}</Empty>
      ) : (
        <VirtualList
          label={trans.__('Requests that wait for a decision')}
          items={queue}
          keyOf={request => request.domain + request.digest}
          estimate={84}
          draw={(request, arrow) => (
            <WaitingRow context={context} request={request} now={now} onArrow={arrow} />
          )}
        />
      )}
      {domains.map(domain => (
        <Domain
          key={domain}
          context={context}
          domain={domain}
          entries={datasetsOf(state, domain)}
        />
      ))}
    </div>
  );
}

function WaitingRow(props: {
  context: IContext;
  request: IRequest;
  now: number;
  onArrow: (by: 1 | -1) => void;
}): React.ReactElement {
  const { context, request, now, onArrow } = props;
  const { trans, pages } = context;
  const { domain, digest } = request;
  return (
    <div className="wb-Request" data-state={request.state}>
      <div className="wb-Request-head">
        <button
          type="button"
          className="wb-Request-open"
          aria-label={trans.__('Review %1 by %2', request.function, request.researcher)}
          onClick={() => pages.open('review', { domain, digest })}
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
        <span>ε {figure(request.epsilon, 3)}</span>
      </div>
      <div className="wb-Muted wb-Clamp">
        <Foreign>{request.researcher}</Foreign>
        {' · '}
        <Foreign>{request.path}</Foreign>
        {' · '}
        {request.purpose} <Foreign>{request.purpose_text}</Foreign>
      </div>
    </div>
  );
}

function Domain(props: {
  context: IContext;
  domain: string;
  entries: IEntry[];
}): React.ReactElement {
  const { context, domain, entries } = props;
  const { trans, pages } = context;
  return (
    <section className="wb-Holding" aria-label={trans.__('Domain %1', domain)}>
      <div className="wb-Holding-head">
        <h3>{domain}</h3>
        <div className="wb-Holding-links">
          <ActionButton
            variant="quiet"
            label={trans.__('People of %1', domain)}
            onClick={() => pages.open('people', { domain })}
          >
            {trans.__('People')}
          </ActionButton>
          <ActionButton
            variant="quiet"
            label={trans.__('Populations of %1', domain)}
            onClick={() => pages.open('populations', { domain })}
          >
            {trans.__('Populations')}
          </ActionButton>
          <ActionButton
            variant="quiet"
            label={trans.__('Audit log of %1', domain)}
            onClick={() => pages.open('log', { domain })}
          >
            {trans.__('Audit log')}
          </ActionButton>
        </div>
      </div>
      {entries.length > 0 && (
        <VirtualList
          label={trans.__('Datasets of %1', domain)}
          items={entries}
          keyOf={entry => entry.path}
          estimate={52}
          draw={(entry, arrow) => (
            <DatasetRow context={context} entry={entry} onArrow={arrow} />
          )}
        />
      )}
    </section>
  );
}

function DatasetRow(props: {
  context: IContext;
  entry: IEntry;
  onArrow: (by: 1 | -1) => void;
}): React.ReactElement {
  const { context, entry, onArrow } = props;
  const { trans, pages } = context;
  const { domain, name } = entry;
  return (
    <div className="wb-Request">
      <div className="wb-Request-head">
        <button
          type="button"
          className="wb-Request-open"
          aria-label={trans.__('Budget and policy of %1', entry.path)}
          onClick={() => pages.open('holding', { domain, name })}
          onKeyDown={event => {
            if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
              event.preventDefault();
              onArrow(event.key === 'ArrowDown' ? 1 : -1);
            }
          }}
        >
          {name}
        </button>
        <span className="wb-Muted">
          {entry.approval === 'policy' ? trans.__('by policy') : trans.__('by steward')}
        </span>
      </div>
      <Gauge
        trans={trans}
        label={trans.__('budget of %1', entry.path)}
        total={entry.epsilon_total}
        left={entry.epsilon_left}
        spent={entry.epsilon_spent}
      />
    </div>
  );
}
