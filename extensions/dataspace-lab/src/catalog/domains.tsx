import * as React from 'react';

import { useContext } from '../context';
import type { IDomain } from '../model';
import { clock } from '../ui/words';

/** Each domain with how it is to be reached. */
export function Domains({ domains }: { domains: IDomain[] }): React.ReactElement {
  const { trans } = useContext();
  return (
    <ul className="wb-Domains" aria-label={trans.__('Domains')}>
      {domains.map(domain => (
        <DomainRow key={domain.name} domain={domain} />
      ))}
    </ul>
  );
}

function DomainRow({ domain }: { domain: IDomain }): React.ReactElement {
  const { trans } = useContext();
  const trouble = domain.state === 'down' || domain.state === 'denied';
  const words = [domain.message, domain.hint].filter(Boolean).join(' ');
  // What to do comes first: there is little room, and the whole text is in the tooltip.
  const short = domain.hint || domain.message;
  return (
    <li className="wb-Domain" data-state={domain.state}>
      <span className="wb-Domain-dot" aria-hidden="true" />
      <span className="wb-Domain-name" title={domain.name}>
        {domain.title || domain.name}
      </span>
      {domain.role === 'steward' && (
        <span className="wb-Badge" title={trans.__('You are a steward of this domain.')}>
          {trans.__('steward')}
        </span>
      )}
      <span className="wb-Domain-state" title={words || undefined}>
        <StateWords domain={domain} />
      </span>
      {trouble && short && (
        <span className="wb-Domain-words" title={words}>
          {short}
        </span>
      )}
      {domain.warning && (
        <span className="wb-Domain-words" role="note">
          {domain.warning}
        </span>
      )}
    </li>
  );
}

function StateWords({ domain }: { domain: IDomain }): React.ReactElement {
  const { trans } = useContext();
  const { state, since, latency_ms: latency } = domain;
  switch (state) {
    case 'up':
      return <>{trans.__('reachable')}</>;
    case 'slow':
      return (
        <>
          {latency === null
            ? trans.__('slow')
            : trans.__('slow, %1 ms', Math.round(latency))}
        </>
      );
    case 'down':
      return <>{since ? trans.__('down since %1', clock(since)) : trans.__('down')}</>;
    case 'denied':
      return <>{trans.__('denied')}</>;
    default:
      return <>{trans.__('asking …')}</>;
  }
}
