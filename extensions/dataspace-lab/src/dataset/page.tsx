import * as React from 'react';

import { purposeWords } from '../catalog/purposes';
import { IContext, PageArgs, useContext } from '../context';
import type { IDataset } from '../model';
import { useStore } from '../store';
import { Glyph } from '../ui/icons';
import { useLoaded } from '../ui/load';
import { ActionButton, Card, Facts, Loading, Problem } from '../ui/parts';
import { clock, count } from '../ui/words';
import { Actions } from './actions';
import { BudgetGauge } from './gauge';
import { Models } from './models';
import { Plots } from './plots';
import { Fields } from './schema';
import { Snippet } from './snippet';

/** One dataset in the main area. */
export function DatasetPage(props: {
  context: IContext;
  args: PageArgs;
}): React.ReactElement {
  const { context, args } = props;
  const { api, store, trans } = context;
  const { domain, name } = args;
  // News of the catalog or of a run on this dataset may have changed the budget.
  const catalog = useStore(store, state => state.catalog);
  const entry = catalog?.datasets.find(one => one.domain === domain && one.name === name);
  const runs = useStore(store, state =>
    (state.requests ?? [])
      .filter(one => one.domain === domain && one.dataset === name)
      .map(one => one.state)
      .join()
  );
  const loaded = useLoaded(
    () => api.dataset(domain, name),
    [domain, name, entry?.epsilon_left, runs]
  );
  const { value, problem, reload } = loaded;
  return (
    <div className="wb-Dataset" aria-busy={loaded.loading}>
      {problem && (
        <Problem problem={problem} kind={value ? 'warning' : 'error'}>
          <ActionButton onClick={reload}>{trans.__('Try again')}</ActionButton>
        </Problem>
      )}
      {value ? (
        <Content dataset={value} />
      ) : (
        !problem && <Loading label={trans.__('Fetching the dataset')} />
      )}
    </div>
  );
}

function Content({ dataset }: { dataset: IDataset }): React.ReactElement {
  const { trans } = useContext();
  const { entry } = dataset;
  return (
    <>
      <header className="wb-Dataset-head">
        <span className="wb-Dataset-icon">
          <Glyph name={entry.kind} size={28} />
        </span>
        <div>
          <h1>{dataset.title}</h1>
          <p className="wb-Muted wb-Mono">{entry.path}</p>
          <p className="wb-Dataset-badges">
            <span className="wb-Badge">
              {trans.__('%1 records', count(entry.records))}
            </span>
            {entry.purposes.map(code => (
              <span key={code} className="wb-Badge" title={code}>
                {purposeWords(trans, code)}
              </span>
            ))}
            <span className="wb-Badge">
              {entry.approval === 'policy'
                ? trans.__('a policy may approve')
                : trans._n(
                    'a steward approves',
                    '%1 stewards approve',
                    entry.approvals,
                    entry.approvals
                  )}
            </span>
          </p>
        </div>
      </header>
      <Actions domain={entry.domain} name={entry.name} />
      <div className="wb-Dataset-columns">
        <div className="wb-Dataset-main">
          {dataset.description && (
            <Card title={trans.__('About')}>
              <p className="wb-Prose">{dataset.description}</p>
            </Card>
          )}
          <Snippet snippet={dataset.snippet} />
          <Plots plots={dataset.snippet.plots} />
          <Fields columns={dataset.schema} />
        </div>
        <aside
          className="wb-Dataset-side"
          aria-label={trans.__('Budget, models and terms')}
        >
          <BudgetGauge budget={dataset.budget} perRun={entry.epsilon_per_run} />
          <Models models={dataset.models} />
          <Terms dataset={dataset} />
          <Source dataset={dataset} />
        </aside>
      </div>
    </>
  );
}

function Terms({ dataset }: { dataset: IDataset }): React.ReactElement {
  const { trans } = useContext();
  return (
    <Card title={trans.__('Terms')}>
      <p className="wb-Prose">{dataset.terms.text}</p>
      <Facts rows={dataset.terms.rows} />
    </Card>
  );
}

function Source({ dataset }: { dataset: IDataset }): React.ReactElement {
  const { trans } = useContext();
  const rows: [string, React.ReactNode][] = [
    [
      trans.__('version'),
      <span key="v" className="wb-Mono">
        {dataset.version}
      </span>
    ],
    [trans.__('published'), clock(dataset.published)]
  ];
  if (dataset.licence) {
    rows.push([trans.__('licence'), dataset.licence]);
  }
  if (dataset.citation) {
    rows.push([trans.__('cite'), dataset.citation]);
  }
  return (
    <Card title={trans.__('Source')}>
      <Facts rows={rows} />
    </Card>
  );
}
