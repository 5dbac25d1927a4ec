import type { IEntry } from '../model';

/** What the person looks for. */
export interface IFilters {
  text: string;
  field: string;
  purpose: string;
  kind: string;
  /** At least so many records. */
  records: number;
  /** At least so much epsilon left. */
  budget: number;
}

export const NO_FILTERS: IFilters = {
  text: '',
  field: '',
  purpose: '',
  kind: '',
  records: 0,
  budget: 0
};

/** How many filters besides the text are set. */
export function countFilters({
  field,
  purpose,
  kind,
  records,
  budget
}: IFilters): number {
  return [field, purpose, kind, records, budget].filter(Boolean).length;
}

/** Entries with their text in small letters, made once for each catalog. */
export interface IIndexed {
  entry: IEntry;
  text: string;
  fields: string;
}

export function index(entries: IEntry[]): IIndexed[] {
  return entries.map(entry => {
    const fields = entry.fields.join('\n').toLowerCase();
    const words = [entry.title, entry.path, entry.kind, ...entry.purposes];
    return { entry, text: `${words.join(' ').toLowerCase()}\n${fields}`, fields };
  });
}

/** The entries that fit: every word of the text has to occur. */
export function find(indexed: IIndexed[], filters: IFilters): IEntry[] {
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  const field = filters.field.trim().toLowerCase();
  return indexed
    .filter(
      ({ entry, text, fields }) =>
        words.every(word => text.includes(word)) &&
        (field === '' || fields.includes(field)) &&
        (filters.purpose === '' || entry.purposes.includes(filters.purpose)) &&
        (filters.kind === '' || entry.kind === filters.kind) &&
        entry.records >= filters.records &&
        (filters.budget === 0 || (entry.epsilon_left ?? 0) >= filters.budget)
    )
    .map(({ entry }) => entry);
}

/** Every purpose that some dataset allows, in order. */
export function purposesOf(entries: IEntry[]): string[] {
  return [...new Set(entries.flatMap(entry => entry.purposes))].sort();
}
