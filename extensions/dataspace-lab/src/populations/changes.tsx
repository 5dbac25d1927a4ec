import * as React from 'react';

import type { IContext } from '../context';
import type { IWaiting } from '../oversight';
import { Foreign, useNow } from '../requests/words';
import { useAttempt } from '../ui/attempt';
import { confirm } from '../ui/dialogs';
import { ActionButton, Card, Problem } from '../ui/parts';
import { ago } from '../ui/words';

/** What one steward has signed and another one has to agree to. */
export function ChangesCard(props: {
  context: IContext;
  domain: string;
  changes: IWaiting[];
  /** Called with what came of it. */
  onAgreed: (words: string) => void;
}): React.ReactElement {
  const { context, domain, changes, onAgreed } = props;
  const { trans, api } = context;
  const now = useNow();
  const { busy, problem, attempt } = useAttempt();

  const agree = async (one: IWaiting): Promise<void> => {
    const sure = await confirm({
      title: trans.__('Agree to this change?'),
      body: (
        <div>
          <p className="wb-Words">
            <Foreign>{one.words}</Foreign>
          </p>
          <p>
            {trans.__('Signed by')} <Foreign>{one.by.join(', ')}</Foreign>
          </p>
          <p>
            {trans.__(
              'Yours is the second word, signed with your key. The change then holds at once and cannot be undone.'
            )}
          </p>
        </div>
      ),
      keep: trans.__('Not now'),
      go: trans.__('Agree')
    });
    if (sure) {
      await attempt(async () => {
        const made = await api.agree(domain, one.digest);
        onAgreed(
          made
            ? trans.__('Two stewards have agreed: the change holds from now on.')
            : trans.__('Your word is kept. Another steward has to agree.')
        );
      });
    }
  };

  return (
    <Card title={trans.__('Waiting for a second steward')}>
      <ul className="wb-Changes">
        {changes.map(one => (
          <li key={one.digest}>
            <p className="wb-Words">
              <Foreign>{one.words}</Foreign>
            </p>
            <p className="wb-Muted" title={one.change.proposed}>
              {trans.__('signed by')} <Foreign>{one.by.join(', ')}</Foreign>
              {` · ${ago(trans, one.change.proposed, now)}`}
              {one.mine && ` · ${trans.__('waits for another steward')}`}
            </p>
            {!one.mine && (
              <ActionButton
                label={trans.__('Agree: %1', one.words)}
                busy={busy}
                onClick={() => void agree(one)}
              >
                {trans.__('Agree …')}
              </ActionButton>
            )}
          </li>
        ))}
      </ul>
      <p className="wb-Muted">
        {trans.__('A proposal holds for 30 days, if nothing else changes meanwhile.')}
      </p>
      {problem && <Problem problem={problem} />}
    </Card>
  );
}
