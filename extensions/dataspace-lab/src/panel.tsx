import * as React from 'react';

import { IContext, ISection, useContext } from './context';
import { useStore } from './store';

/** The side panel: its sections, each of which can be folded away. */
export function Panel({ sections }: { sections: ISection[] }): React.ReactElement {
  const context = useContext();
  useStore(context.store, state => state);
  return (
    <div className="wb-Panel">
      {sections
        .filter(section => section.wanted?.(context) ?? true)
        .map(section => (
          <Section key={section.id} section={section} context={context} />
        ))}
    </div>
  );
}

function Section(props: { section: ISection; context: IContext }): React.ReactElement {
  const { section, context } = props;
  const key = `dataspace:folded:${section.id}`;
  const [open, setOpen] = React.useState(() => localStorage.getItem(key) !== 'yes');
  const toggle = (): void => {
    localStorage.setItem(key, open ? 'yes' : 'no');
    setOpen(!open);
  };
  const id = `wb-section-${section.id}`;
  const badge = section.badge?.(context) ?? '';
  const Content = section.component;
  return (
    <section className="wb-Section" data-open={open} aria-labelledby={`${id}-title`}>
      <h2 className="wb-Section-head">
        <button
          id={`${id}-title`}
          aria-expanded={open}
          aria-controls={id}
          onClick={toggle}
          className="wb-Section-toggle"
        >
          <span className="wb-Section-arrow" aria-hidden="true" />
          {section.title(context)}
          {badge && <span className="wb-Badge">{badge}</span>}
        </button>
      </h2>
      <div id={id} className="wb-Section-body" hidden={!open}>
        {open && <Content context={context} />}
      </div>
    </section>
  );
}
