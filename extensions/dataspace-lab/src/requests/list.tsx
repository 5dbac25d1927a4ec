import { useVirtualizer } from '@tanstack/react-virtual';
import * as React from 'react';

/** A list that draws only what can be seen, however long it is. */
export function VirtualList<T>(props: {
  label: string;
  items: readonly T[];
  keyOf: (item: T) => string;
  /** The usual height of an item in pixels; the true one is measured. */
  estimate: number;
  draw: (item: T, arrow: (by: 1 | -1) => void) => React.ReactNode;
}): React.ReactElement {
  const { items, keyOf } = props;
  const scroller = React.useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => props.estimate,
    getItemKey: index => keyOf(items[index]),
    overscan: 4
  });

  const goTo = (index: number): void => {
    if (index < 0 || index >= items.length) {
      return;
    }
    virtual.scrollToIndex(index);
    // The row may have to be drawn first.
    requestAnimationFrame(() =>
      scroller.current
        ?.querySelector<HTMLElement>(`[data-index="${index}"] button`)
        ?.focus()
    );
  };

  return (
    <div ref={scroller} className="wb-List" role="list" aria-label={props.label}>
      <div role="none" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {virtual.getVirtualItems().map(({ index, key, start }) => (
          <div
            key={key}
            ref={virtual.measureElement}
            data-index={index}
            className="wb-List-item"
            role="listitem"
            aria-setsize={items.length}
            aria-posinset={index + 1}
            style={{ transform: `translateY(${start}px)` }}
          >
            {props.draw(items[index], by => goTo(index + by))}
          </div>
        ))}
      </div>
    </div>
  );
}
