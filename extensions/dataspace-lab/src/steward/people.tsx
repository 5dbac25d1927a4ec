import * as React from 'react';

import { ApiError, toApiError } from '../api';
import type { IContext, PageArgs } from '../context';
import type { IPerson } from '../oversight';
import { Foreign, shortDigest } from '../requests/words';
import { useStore } from '../store';
import { confirm, tell } from '../ui/dialogs';
import { useLoaded } from '../ui/load';
import { ActionButton, Card, Loading, Problem } from '../ui/parts';
import { clock } from '../ui/words';

function roleWords(context: IContext, role: string): string {
  return role === 'steward'
    ? context.trans.__('steward')
    : context.trans.__('researcher');
}

/** Ask the person to confirm, then take back an admission; tells whether it was done. */
export async function revoke(
  context: IContext,
  domain: string,
  person: IPerson
): Promise<boolean> {
  const { trans, api } = context;
  const sure = await confirm({
    title: trans.__('Revoke this admission?'),
    body: (
      <div>
        <p>
          <Foreign>{person.name}</Foreign> ({roleWords(context, person.role)},{' '}
          <span className="wb-Mono">{shortDigest(person.key_id)}</span>)
        </p>
        <p>
          {trans.__(
            '%1 refuses this key from now on, until it is admitted again. What was released stays released; what was charged stays charged.',
            domain
          )}
        </p>
      </div>
    ),
    keep: trans.__('Keep it'),
    go: trans.__('Revoke')
  });
  if (sure) {
    try {
      await api.revoke(domain, person.key_id);
      return true;
    } catch (thrown) {
      await tell(trans.__('It was not revoked'), thrown);
    }
  }
  return false;
}

/** Who is or was admitted at a domain. */
export function PeoplePage(props: {
  context: IContext;
  args: PageArgs;
}): React.ReactElement {
  const { context, args } = props;
  const { trans, api, store } = context;
  const { domain } = args;
  const me = useStore(store, state => state.session?.key_id);
  const { value, problem, reload } = useLoaded(() => api.people(domain), [domain]);
  const take = async (person: IPerson): Promise<void> => {
    if (await revoke(context, domain, person)) {
      reload();
    }
  };
  return (
    <article className="wb-RequestPage" aria-label={trans.__('People of %1', domain)}>
      <header className="wb-RequestPage-head">
        <h1>{trans.__('People')}</h1>
        <p>{domain}</p>
      </header>
      {problem && (
        <Problem problem={problem}>
          <ActionButton onClick={reload}>{trans.__('Try again')}</ActionButton>
        </Problem>
      )}
      <div className="wb-Cards wb-mod-single">
        <Admission context={context} domain={domain} onAdmitted={reload} />
        <Card title={trans.__('Admitted')}>
          {value === null ? (
            !problem && <Loading label={trans.__('The list is on its way')} />
          ) : (
            <div className="wb-Scroll">
              <table className="wb-Table">
                <thead>
                  <tr>
                    <th scope="col">{trans.__('name')}</th>
                    <th scope="col">{trans.__('role')}</th>
                    <th scope="col">{trans.__('key')}</th>
                    <th scope="col">{trans.__('admitted')}</th>
                    <th scope="col">{trans.__('standing')}</th>
                  </tr>
                </thead>
                <tbody>
                  {value.map(person => (
                    <tr key={person.key_id} data-revoked={person.revoked !== null}>
                      <th scope="row">
                        <Foreign>{person.name}</Foreign>
                      </th>
                      <td>{roleWords(context, person.role)}</td>
                      <td className="wb-Mono" title={person.public_key}>
                        {shortDigest(person.key_id)}
                      </td>
                      <td>{clock(person.admitted)}</td>
                      <td>
                        {person.revoked ? (
                          trans.__('revoked %1', clock(person.revoked))
                        ) : (
                          <ActionButton
                            label={trans.__('Revoke %1', person.name)}
                            reason={
                              person.key_id === me
                                ? trans.__(
                                    'This is your own key: another steward has to do it.'
                                  )
                                : ''
                            }
                            onClick={() => void take(person)}
                          >
                            {trans.__('Revoke …')}
                          </ActionButton>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </Card>
      </div>
    </article>
  );
}

function Admission(props: {
  context: IContext;
  domain: string;
  onAdmitted: () => void;
}): React.ReactElement {
  const { context, domain, onAdmitted } = props;
  const { trans, api } = context;
  const [key, setKey] = React.useState('');
  const [name, setName] = React.useState('');
  const [role, setRole] = React.useState('researcher');
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<ApiError | null>(null);
  const [done, setDone] = React.useState('');
  const why = !key.trim().startsWith('ed25519:')
    ? trans.__('Paste the line of their .pub file; it starts with ed25519:')
    : !name.trim()
      ? trans.__('Write their name: people will see it beside each request.')
      : '';

  const admit = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    setDone('');
    try {
      await api.admit(domain, { public_key: key.trim(), name: name.trim(), role });
      setDone(trans.__('%1 is admitted.', name.trim()));
      setKey('');
      setName('');
      onAdmitted();
    } catch (thrown) {
      setProblem(toApiError(thrown));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Card title={trans.__('Admit somebody')}>
      <div className="wb-Form">
        <label>
          {trans.__('Public key')}
          <input
            className="wb-Input wb-Mono"
            value={key}
            maxLength={100}
            placeholder="ed25519:…"
            spellCheck={false}
            onChange={event => setKey(event.target.value)}
          />
        </label>
        <label>
          {trans.__('Name')}
          <input
            className="wb-Input"
            value={name}
            maxLength={200}
            onChange={event => setName(event.target.value)}
          />
        </label>
        <label>
          {trans.__('Role')}
          <select
            className="wb-Input"
            value={role}
            onChange={event => setRole(event.target.value)}
          >
            <option value="researcher">{trans.__('researcher')}</option>
            <option value="steward">{trans.__('steward')}</option>
          </select>
        </label>
        <div className="wb-Buttons">
          <ActionButton
            variant="primary"
            reason={why}
            busy={busy}
            onClick={() => void admit()}
          >
            {trans.__('Admit')}
          </ActionButton>
          <span className="wb-Muted">{why}</span>
        </div>
      </div>
      <p role="status">{done}</p>
      {problem && <Problem problem={problem} />}
    </Card>
  );
}
