import * as React from 'react';

import { CommandIDs } from '../commands';
import { useContext } from '../context';
import { useStore } from '../store';
import { Empty, Loading, Problem } from '../ui/parts';
import { count } from '../ui/words';
import { Domains } from './domains';
import { find, index, NO_FILTERS, purposesOf } from './filters';
import { DatasetList } from './list';
import { Search } from './search';

/** Domains, the search, and the datasets that fit. */
export function CatalogSection(): React.ReactElement {
  const { app, store, trans } = useContext();
  const session = useStore(store, state => state.session);
  const catalog = useStore(store, state => state.catalog);
  const selected = useStore(store, state => state.selected);
  const [filters, setFilters] = React.useState(NO_FILTERS);
  const body = React.useRef<HTMLDivElement>(null);

  const datasets = catalog?.datasets;
  const indexed = React.useMemo(() => index(datasets ?? []), [datasets]);
  const purposes = React.useMemo(() => purposesOf(datasets ?? []), [datasets]);
  // Typing stays quick however many datasets there are: the list may come a moment later.
  const wanted = React.useDeferredValue(filters);
  const found = React.useMemo(() => find(indexed, wanted), [indexed, wanted]);

  if (session?.problem) {
    return <Problem problem={session.problem} />;
  }
  if (catalog === null) {
    return (
      <div ref={body}>
        {session && <Domains domains={session.domains} />}
        <Loading label={trans.__('Fetching the catalog')} />
      </div>
    );
  }
  return (
    <div className="wb-Catalog" ref={body}>
      {session && <Domains domains={session.domains} />}
      <Search
        filters={filters}
        purposes={purposes}
        onChange={setFilters}
        onDown={() => body.current?.querySelector<HTMLElement>('[role=listbox]')?.focus()}
      />
      <p className="wb-Catalog-count" role="status">
        {found.length === catalog.datasets.length
          ? trans._n('%2 dataset', '%2 datasets', found.length, count(found.length))
          : trans.__(
              '%1 of %2 datasets',
              count(found.length),
              count(catalog.datasets.length)
            )}
      </p>
      {found.length > 0 ? (
        <DatasetList
          entries={found}
          selected={selected}
          onSelect={entry => store.update({ selected: entry.path })}
          onOpen={({ domain, name }) =>
            void app.commands.execute(CommandIDs.openDataset, { domain, name })
          }
        />
      ) : (
        <Empty>
          {catalog.datasets.length > 0
            ? trans.__('No dataset fits. Use fewer words or clear the filters.')
            : trans.__('The domains offer no dataset yet.')}
        </Empty>
      )}
    </div>
  );
}
