import { useVirtualizer } from '@tanstack/react-virtual';
import * as React from 'react';

import { useContext } from '../context';
import type { IEntry } from '../model';
import { Glyph } from '../ui/icons';
import { useUniqueId } from '../ui/parts';
import { count, epsilon } from '../ui/words';

/** The height of a row in pixels; style/catalog.css has the same. */
const ROW = 54;

interface IListProps {
  entries: IEntry[];
  selected: string | null;
  onSelect: (entry: IEntry) => void;
  onOpen: (entry: IEntry) => void;
}

/** Datasets as a list box; only the rows that can be seen are in the page. */
export function DatasetList(props: IListProps): React.ReactElement {
  const { entries, selected, onSelect, onOpen } = props;
  const { trans } = useContext();
  const id = useUniqueId('datasets');
  const scroller = React.useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: entries.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 6
  });
  const at = React.useMemo(
    () => entries.findIndex(entry => entry.path === selected),
    [entries, selected]
  );

  const move = (to: number): void => {
    const next = Math.max(0, Math.min(entries.length - 1, to));
    if (entries[next]) {
      onSelect(entries[next]);
      rows.scrollToIndex(next);
    }
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const page = Math.max(
      1,
      Math.floor((scroller.current?.clientHeight ?? ROW) / ROW) - 1
    );
    const targets: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at < 0 ? 0 : at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: entries.length - 1
    };
    if (event.key in targets) {
      move(targets[event.key]);
    } else if (event.key === 'Enter' && at >= 0) {
      onOpen(entries[at]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      ref={scroller}
      className="wb-List"
      role="listbox"
      tabIndex={0}
      aria-label={trans.__('Datasets')}
      aria-activedescendant={at >= 0 ? `${id}-${at}` : undefined}
      onKeyDown={onKeyDown}
      onFocus={() => at < 0 && move(0)}
    >
      <div
        role="presentation"
        style={{ height: rows.getTotalSize(), position: 'relative' }}
      >
        {rows.getVirtualItems().map(row => (
          <Row
            key={entries[row.index].path}
            id={`${id}-${row.index}`}
            entry={entries[row.index]}
            position={row.index + 1}
            size={entries.length}
            top={row.start}
            selected={row.index === at}
            onSelect={onSelect}
            onOpen={onOpen}
          />
        ))}
      </div>
    </div>
  );
}

interface IRowProps {
  id: string;
  entry: IEntry;
  position: number;
  size: number;
  top: number;
  selected: boolean;
  onSelect: (entry: IEntry) => void;
  onOpen: (entry: IEntry) => void;
}

const Row = React.memo(function Row(props: IRowProps): React.ReactElement {
  const { entry } = props;
  const { trans } = useContext();
  const { epsilon_left: left, epsilon_total: total } = entry;
  const share = left === null || total <= 0 ? 0 : Math.max(0, Math.min(1, left / total));
  return (
    <div
      id={props.id}
      role="option"
      className="wb-Row"
      aria-selected={props.selected}
      aria-posinset={props.position}
      aria-setsize={props.size}
      style={{ transform: `translateY(${props.top}px)` }}
      title={`${entry.title}\n${entry.path}`}
      onClick={() => {
        props.onSelect(entry);
        props.onOpen(entry);
      }}
    >
      <Glyph name={entry.kind} size={20} />
      <span className="wb-Row-text">
        <span className="wb-Row-title">{entry.title}</span>
        <span className="wb-Row-path">
          {entry.domain} · {trans.__('%1 records', count(entry.records))}
        </span>
      </span>
      <span className="wb-Row-budget">
        {left === null ? trans.__('ε ?') : trans.__('ε %1', epsilon(left))}
        <span className="wb-Row-bar" data-low={share < 0.2}>
          <span style={{ width: `${100 * share}%` }} />
        </span>
        <span className="wb-Hidden">
          {left === null
            ? trans.__('budget left not known')
            : trans.__('left of %1', epsilon(total))}
        </span>
      </span>
    </div>
  );
});
