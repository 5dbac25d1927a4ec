import * as React from 'react';

import { API, VERSION } from './api';
import { IContext, ISection, useContext } from './context';
import { useStore } from './store';
import { ActionButton, Problem } from './ui/parts';

/** The side panel: its sections, each of which can be folded away. */
export function Panel({ sections }: { sections: ISection[] }): React.ReactElement {
  const context = useContext();
  useStore(context.store, state => state);
  const missing = context.store.state.problem?.code === 'extension-missing';
  return (
    <div className="wb-Panel">
      <News />
      {!missing &&
        sections
          .filter(section => section.wanted?.(context) ?? true)
          .map(section => (
            <Section key={section.id} section={section} context={context} />
          ))}
    </div>
  );
}

/** What the person should know about the connection and the versions. */
function News(): React.ReactElement {
  const { store, trans, watch } = useContext();
  const { link, problem, session } = store.state;
  return (
    <>
      {problem && link !== 'on' && (
        <Problem problem={problem}>
          <ActionButton onClick={() => watch.refresh()}>
            {trans.__('Try again')}
          </ActionButton>
        </Problem>
      )}
      {session !== null && (session.api !== API || session.version !== VERSION) && (
        <Problem
          kind="warning"
          problem={{
            message: trans.__(
              'The sidebar is version %1 and its server part is version %2.',
              VERSION,
              session.version
            ),
            hint: trans.__('Restart JupyterLab and reload this page, so that they fit.')
          }}
        />
      )}
    </>
  );
}

function Section(props: { section: ISection; context: IContext }): React.ReactElement {
  const { section, context } = props;
  const key = `dataspace:folded:${section.id}`;
  const [open, setOpen] = React.useState(() => localStorage.getItem(key) !== 'yes');
  // What was shown once stays, so that a fold does not lose what was typed.
  const [shown, setShown] = React.useState(open);
  const toggle = (): void => {
    localStorage.setItem(key, open ? 'yes' : 'no');
    setShown(true);
    setOpen(!open);
  };
  const id = `wb-section-${section.id}`;
  const badge = section.badge?.(context) ?? '';
  const Content = section.component;
  return (
    <section
      className="wb-Section"
      data-open={open}
      data-grows={section.grows === true}
      aria-labelledby={`${id}-title`}
    >
      <h2>
        <button
          id={`${id}-title`}
          type="button"
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
        {shown && <Content context={context} />}
      </div>
    </section>
  );
}
