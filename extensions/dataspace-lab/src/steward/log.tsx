import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IContext, PageArgs } from '../context';
import { Foreign, shortDigest } from '../requests/words';
import { useLoaded } from '../ui/load';
import { ActionButton, Card, Loading, Problem } from '../ui/parts';

const PER_PAGE = 50;

function eventWords(trans: TranslationBundle, event: string): string {
  const words: Record<string, string> = {
    admit: trans.__('admitted'),
    revoke: trans.__('revoked'),
    publish: trans.__('published'),
    policy: trans.__('policy changed'),
    submit: trans.__('submitted'),
    decide: trans.__('decided'),
    launch: trans.__('run started'),
    release: trans.__('released'),
    fail: trans.__('failed'),
    cancel: trans.__('cancelled')
  };
  return words[event] ?? event;
}

/** A digest or key in short; a name as it is. */
function subjectWords(subject: string): string {
  return /^(sha256:)?[0-9a-f]{64}$/.test(subject) ? shortDigest(subject) : subject;
}

/** What happened at a domain, newest first, page by page. */
export function LogPage(props: {
  context: IContext;
  args: PageArgs;
}): React.ReactElement {
  const { context, args } = props;
  const { trans, api } = context;
  const { domain } = args;
  // Where each page begins: null is the newest.
  const [starts, setStarts] = React.useState<(number | null)[]>([null]);
  const after = starts[starts.length - 1];
  const { value, problem, loading, reload } = useLoaded(
    () => api.log(domain, after, PER_PAGE),
    [domain, after]
  );
  const next = value?.next ?? null;
  return (
    <article className="wb-RequestPage" aria-label={trans.__('Audit log of %1', domain)}>
      <header className="wb-RequestPage-head">
        <h1>{trans.__('Audit log')}</h1>
        <p>{domain}</p>
      </header>
      {problem && <Problem problem={problem} />}
      <Card
        title={trans.__('Page %1', starts.length)}
        aside={
          <div className="wb-Buttons">
            <ActionButton
              reason={starts.length > 1 ? '' : trans.__('These are the newest entries.')}
              onClick={() => setStarts(starts.slice(0, -1))}
            >
              {trans.__('Newer')}
            </ActionButton>
            <ActionButton
              reason={next !== null ? '' : trans.__('These are the oldest entries.')}
              onClick={() => setStarts([...starts, next])}
            >
              {trans.__('Older')}
            </ActionButton>
            <ActionButton busy={loading} onClick={reload}>
              {trans.__('Reload')}
            </ActionButton>
          </div>
        }
      >
        {value === null ? (
          !problem && <Loading label={trans.__('The log is on its way')} />
        ) : (
          <div className="wb-Scroll">
            <table className="wb-Table" aria-busy={loading}>
              <thead>
                <tr>
                  <th scope="col">{trans.__('no.')}</th>
                  <th scope="col">{trans.__('when')}</th>
                  <th scope="col">{trans.__('what')}</th>
                  <th scope="col">{trans.__('who')}</th>
                  <th scope="col">{trans.__('of what')}</th>
                  <th scope="col">{trans.__('more')}</th>
                </tr>
              </thead>
              <tbody>
                {value.entries.map(entry => (
                  <tr key={entry.sequence}>
                    <td>{entry.sequence}</td>
                    <td className="wb-Nowrap" title={entry.time}>
                      {entry.time.slice(0, 19).replace('T', ' ')}
                    </td>
                    <td>{eventWords(trans, entry.event)}</td>
                    <td>
                      <Foreign>{entry.who}</Foreign>
                    </td>
                    <td className="wb-Mono" title={entry.subject}>
                      <Foreign>{subjectWords(entry.subject)}</Foreign>
                    </td>
                    <td>
                      <Foreign>
                        {typeof entry.detail === 'string'
                          ? entry.detail
                          : JSON.stringify(entry.detail)}
                      </Foreign>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Card>
    </article>
  );
}
