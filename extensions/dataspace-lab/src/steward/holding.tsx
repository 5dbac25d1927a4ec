import * as React from 'react';

import type { IContext, PageArgs } from '../context';
import { useStore } from '../store';
import { useLoaded } from '../ui/load';
import { ActionButton, Loading, Problem } from '../ui/parts';
import { PolicyCard } from './policy';
import { SpendingCard } from './spending';

/** A dataset as its steward sees it: budget over time and policy. */
export function HoldingPage(props: {
  context: IContext;
  args: PageArgs;
}): React.ReactElement {
  const { context, args } = props;
  const { trans, api, store, pages } = context;
  const { domain, name } = args;
  const path = `${domain}/${name}`;
  // Money moves when a request does.
  const moves = useStore(store, state =>
    (state.requests ?? [])
      .filter(one => one.path === path)
      .map(one => one.state + String(one.charged))
      .join()
  );
  const spending = useLoaded(() => api.spending(domain, name), [domain, name, moves]);
  const policy = useLoaded(() => api.policy(domain, name), [domain, name]);
  return (
    <article
      className="wb-RequestPage"
      aria-label={trans.__('Budget and policy of %1', path)}
    >
      <header className="wb-RequestPage-head">
        <h1>{name}</h1>
        <p>{domain}</p>
      </header>
      <div className="wb-Cards wb-mod-single">
        {[spending, policy].map(
          (loaded, i) =>
            loaded.problem && (
              <Problem key={i} problem={loaded.problem}>
                <ActionButton onClick={loaded.reload}>
                  {trans.__('Try again')}
                </ActionButton>
              </Problem>
            )
        )}
        {spending.value ? (
          <SpendingCard
            trans={trans}
            path={path}
            spending={spending.value}
            aside={
              <ActionButton
                label={trans.__('Populations of %1', domain)}
                onClick={() => pages.open('populations', { domain })}
              >
                {trans.__('Populations')}
              </ActionButton>
            }
          />
        ) : (
          !spending.problem && <Loading label={trans.__('The budget is on its way')} />
        )}
        {policy.value ? (
          <PolicyCard
            context={context}
            domain={domain}
            name={name}
            policy={policy.value}
            onSaved={policy.reload}
          />
        ) : (
          !policy.problem && <Loading label={trans.__('The policy is on its way')} />
        )}
      </div>
    </article>
  );
}
