import * as React from 'react';

import { useContext } from '../context';
import { Glyph } from '../ui/icons';
import { useUniqueId } from '../ui/parts';
import { count } from '../ui/words';
import { countFilters, IFilters, NO_FILTERS } from './filters';
import { purposeWords } from './purposes';

interface ISearchProps {
  filters: IFilters;
  purposes: string[];
  onChange: (filters: IFilters) => void;
  /** The arrow down leads into the list. */
  onDown: () => void;
}

/** The class by which a command finds the search box. */
export const SEARCH_CLASS = 'wb-Search-text';

/** The search box, and the filters behind a button. */
export function Search(props: ISearchProps): React.ReactElement {
  const { filters, onChange } = props;
  const { trans } = useContext();
  const id = useUniqueId('filters');
  const [open, setOpen] = React.useState(() => countFilters(filters) > 0);
  const set = countFilters(filters);
  return (
    <div className="wb-Search" role="search" aria-label={trans.__('Find datasets')}>
      <div className="wb-Search-line">
        <Glyph name="search" />
        <input
          type="search"
          className={`wb-Input ${SEARCH_CLASS}`}
          aria-label={trans.__('Search datasets')}
          placeholder={trans.__('Search names, fields, purposes')}
          value={filters.text}
          maxLength={200}
          onChange={event => onChange({ ...filters, text: event.target.value })}
          onKeyDown={event => {
            if (event.key === 'ArrowDown') {
              event.preventDefault();
              props.onDown();
            }
          }}
        />
        <button
          type="button"
          className="wb-Button wb-mod-quiet"
          aria-expanded={open}
          aria-controls={id}
          aria-label={set ? trans.__('Filters, %1 set', set) : trans.__('Filters')}
          title={trans.__('Filters')}
          onClick={() => setOpen(!open)}
        >
          <Glyph name="filter" />
          {set > 0 && <span className="wb-Badge">{set}</span>}
        </button>
      </div>
      <div id={id} className="wb-Filters" hidden={!open}>
        <FilterFields {...props} />
        {set > 0 && (
          <button
            type="button"
            className="wb-Button wb-mod-quiet"
            onClick={() => onChange({ ...NO_FILTERS, text: filters.text })}
          >
            {trans.__('Clear filters')}
          </button>
        )}
      </div>
    </div>
  );
}

function FilterFields({ filters, purposes, onChange }: ISearchProps): React.ReactElement {
  const { trans } = useContext();
  const kinds: [string, string][] = [
    ['table', trans.__('tables')],
    ['image', trans.__('pictures')],
    ['series', trans.__('traces')],
    ['text', trans.__('texts')],
    ['graph', trans.__('graphs')]
  ];
  const sizes = [100, 1_000, 10_000, 100_000].map((least): [string, string] => [
    String(least),
    trans.__('at least %1 records', count(least))
  ]);
  const budgets = [0.1, 1, 2, 5, 10].map((least): [string, string] => [
    String(least),
    trans.__('at least ε %1', least)
  ]);
  return (
    <>
      <label>
        {trans.__('Field')}
        <input
          className="wb-Input"
          value={filters.field}
          maxLength={100}
          placeholder={trans.__('such as age')}
          onChange={event => onChange({ ...filters, field: event.target.value })}
        />
      </label>
      <Choice
        label={trans.__('Purpose')}
        value={filters.purpose}
        options={purposes.map(code => [code, purposeWords(trans, code)])}
        onChange={purpose => onChange({ ...filters, purpose })}
      />
      <Choice
        label={trans.__('Kind')}
        value={filters.kind}
        options={kinds}
        onChange={kind => onChange({ ...filters, kind })}
      />
      <Choice
        label={trans.__('Size')}
        value={filters.records ? String(filters.records) : ''}
        options={sizes}
        onChange={value => onChange({ ...filters, records: Number(value) })}
      />
      <Choice
        label={trans.__('Budget left')}
        value={filters.budget ? String(filters.budget) : ''}
        options={budgets}
        onChange={value => onChange({ ...filters, budget: Number(value) })}
      />
    </>
  );
}

function Choice(props: {
  label: string;
  value: string;
  options: [string, string][];
  onChange: (value: string) => void;
}): React.ReactElement {
  const { trans } = useContext();
  return (
    <label>
      {props.label}
      <select
        className="wb-Input"
        value={props.value}
        onChange={event => props.onChange(event.target.value)}
      >
        <option value="">{trans.__('any')}</option>
        {props.options.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
