import * as React from 'react';

import type { IContext, PageArgs } from '../context';
import type { IPopulations } from '../oversight';
import { useStore } from '../store';
import { useLoaded } from '../ui/load';
import { ActionButton, Empty, Loading, Problem } from '../ui/parts';
import { onceShown, useShown } from '../ui/shown';
import { PopulationCard } from './card';
import { ChangesCard } from './changes';
import { NewPopulation } from './forms';

/** Whose data a domain holds, what they were promised, and what was spent of it. */
export function PopulationsPage(props: {
  context: IContext;
  args: PageArgs;
}): React.ReactElement {
  const { context, args } = props;
  const { trans, api, store } = context;
  const { domain } = args;
  // Another steward's word makes no news here, so it is asked for whenever the page comes to the front.
  const [page, shown] = useShown<HTMLElement>();
  // Money moves when a request does.
  const moves = useStore(store, state =>
    (state.requests ?? [])
      .filter(one => one.domain === domain)
      .map(one => one.state + String(one.charged))
      .join()
  );
  const { value, problem, loading, reload } = useLoaded(
    () => onceShown(shown, () => api.populations(domain)),
    [domain, shown, moves]
  );
  const head = React.useRef<HTMLHeadingElement>(null);
  const [said, setSaid] = React.useState('');
  const agreed = (words: string): void => {
    setSaid(words);
    // The button goes once it is used; the heading takes the focus then.
    head.current?.focus();
    reload();
  };
  return (
    <article
      ref={page}
      className="wb-RequestPage"
      aria-label={trans.__('Populations of %1', domain)}
    >
      <header className="wb-RequestPage-head">
        <h1 ref={head} tabIndex={-1}>
          {trans.__('Populations')}
        </h1>
        <p>{domain}</p>
        <p className="wb-Prose">
          {trans.__(
            'A budget belongs to the people whom data are about. All datasets of a population spend from one total.'
          )}
        </p>
        <div className="wb-Buttons">
          <ActionButton busy={loading} onClick={reload}>
            {trans.__('Reload')}
          </ActionButton>
          <span role="status">{said}</span>
        </div>
      </header>
      {problem && <Problem problem={problem} />}
      <div className="wb-Cards wb-mod-single">
        {value === null ? (
          !problem && <Loading label={trans.__('The populations are on their way')} />
        ) : (
          <>
            {value.changes.length > 0 && (
              <ChangesCard
                context={context}
                domain={domain}
                changes={value.changes}
                onAgreed={agreed}
              />
            )}
            <Populations
              context={context}
              domain={domain}
              found={value}
              onChanged={reload}
            />
            <NewPopulation
              context={context}
              domain={domain}
              names={value.populations.map(one => one.population.name)}
              onMade={reload}
            />
          </>
        )}
      </div>
    </article>
  );
}

function Populations(props: {
  context: IContext;
  domain: string;
  found: IPopulations;
  onChanged: () => void;
}): React.ReactElement {
  const { context, domain, found, onChanged } = props;
  const { trans } = context;
  const merged = found.populations.filter(one => one.population.merged_into);
  const present = found.populations.filter(one => !one.population.merged_into);
  return (
    <>
      {present.length === 0 && (
        <Empty>
          {trans.__(
            'There is none yet. The first dataset that is published makes one, or you make it below.'
          )}
        </Empty>
      )}
      {present.map(status => (
        <PopulationCard
          key={status.population.name}
          context={context}
          domain={domain}
          status={status}
          all={present}
          onChanged={onChanged}
        />
      ))}
      {merged.length > 0 && (
        <ul className="wb-Merged" aria-label={trans.__('Merged populations')}>
          {merged.map(({ population }) => (
            <li key={population.name}>
              {trans.__(
                '%1 was merged into %2.',
                population.name,
                population.merged_into!
              )}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
