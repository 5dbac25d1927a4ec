import * as React from 'react';

import { ApiError, toApiError } from '../api';
import { figure } from '../charts';
import type { IContext } from '../context';
import type { IApproval, IDryRun, IPolicy } from '../oversight';
import { confirm } from '../ui/dialogs';
import { ActionButton, Card, Problem, useUniqueId } from '../ui/parts';
import { DryRun } from './dryrun';

/** What is wrong with a policy, in words; empty if nothing is. */
export function whyNotPolicy(
  context: IContext,
  approval: IApproval,
  policy: IPolicy
): string {
  const { trans } = context;
  if (approval.mode === 'steward') {
    return '';
  }
  const { epsilon } = approval;
  if (epsilon === null || !(epsilon > 0)) {
    return trans.__('Say up to which ε the policy approves.');
  }
  if (epsilon > policy.epsilon_per_run) {
    return trans.__(
      'The terms allow ε %1 a run at most.',
      figure(policy.epsilon_per_run)
    );
  }
  if (approval.purposes.length === 0) {
    return trans.__(
      'Choose at least one purpose; without one the policy approves nothing.'
    );
  }
  return '';
}

/** A policy in one sentence. */
export function policyWords(context: IContext, approval: IApproval): string {
  const { trans } = context;
  const two = approval.approvals > 1;
  if (approval.mode === 'steward') {
    return two
      ? trans.__('Two stewards decide on every request.')
      : trans.__('A steward decides on every request.');
  }
  const limits = [figure(approval.epsilon ?? 0), approval.purposes.join(', ')];
  return two
    ? trans.__(
        'Requests up to ε %1 for %2 run by themselves; two stewards decide on the others.',
        ...limits
      )
    : trans.__(
        'Requests up to ε %1 for %2 run by themselves; a steward decides on the others.',
        ...limits
      );
}

/** Try a policy on past requests, then save it. */
export function PolicyCard(props: {
  context: IContext;
  domain: string;
  name: string;
  policy: IPolicy;
  onSaved: () => void;
}): React.ReactElement {
  const { context, domain, name, policy, onSaved } = props;
  const { trans, api } = context;
  const [wanted, setWanted] = React.useState<IApproval>(policy.approval);
  const [tried, setTried] = React.useState<{ key: string; run: IDryRun } | null>(null);
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<ApiError | null>(null);
  const [saved, setSaved] = React.useState('');
  const approval: IApproval =
    wanted.mode === 'steward' ? { ...wanted, epsilon: null, purposes: [] } : wanted;
  const key = JSON.stringify(approval);
  const wrong = whyNotPolicy(context, approval, policy);
  const same = key === JSON.stringify(policy.approval);
  const run = tried?.key === key ? tried.run : null;
  const whyNotSave =
    wrong ||
    (same ? trans.__('This is the policy already.') : '') ||
    (run ? '' : trans.__('Try it on past requests first.'));

  const attempt = async (action: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setProblem(null);
    setSaved('');
    try {
      await action();
    } catch (thrown) {
      setProblem(toApiError(thrown));
    } finally {
      setBusy(false);
    }
  };
  const attemptDryRun = (): Promise<void> =>
    attempt(async () =>
      setTried({ key, run: await api.dryRunPolicy(domain, name, approval) })
    );
  const save = async (): Promise<void> => {
    const sure = await confirm({
      title: trans.__('Save this policy?'),
      body: (
        <div>
          <p>{policyWords(context, approval)}</p>
          <p>
            {trans.__(
              'It holds for new requests to %1/%2 from now on. What waits already stays with the steward.',
              domain,
              name
            )}
          </p>
        </div>
      ),
      keep: trans.__('Keep the old one'),
      go: trans.__('Save the policy'),
      harmless: true
    });
    if (sure) {
      await attempt(async () => {
        await api.setPolicy(domain, name, approval);
        setTried(null);
        setSaved(trans.__('The policy is saved.'));
        onSaved();
      });
    }
  };

  return (
    <Card title={trans.__('Policy')}>
      <p>
        {trans.__('Now:')} {policyWords(context, policy.approval)}
      </p>
      <PolicyForm context={context} policy={policy} value={wanted} onChange={setWanted} />
      <div className="wb-Buttons">
        <ActionButton reason={wrong} busy={busy} onClick={() => void attemptDryRun()}>
          {trans.__('Try on past requests')}
        </ActionButton>
        <ActionButton
          variant="primary"
          reason={whyNotSave}
          busy={busy}
          onClick={() => void save()}
        >
          {trans.__('Save …')}
        </ActionButton>
        <span className="wb-Muted">{whyNotSave}</span>
      </div>
      <p role="status">{saved}</p>
      {problem && <Problem problem={problem} />}
      {run && <DryRun trans={trans} run={run} />}
    </Card>
  );
}

function PolicyForm(props: {
  context: IContext;
  policy: IPolicy;
  value: IApproval;
  onChange: (value: IApproval) => void;
}): React.ReactElement {
  const { context, policy, value, onChange } = props;
  const { trans } = context;
  const mode = useUniqueId('mode');
  const byPolicy = value.mode === 'policy';
  const choose = (code: string, on: boolean): void =>
    onChange({
      ...value,
      purposes: policy.purposes_allowed.filter(one =>
        one === code ? on : value.purposes.includes(one)
      )
    });
  return (
    <div className="wb-PolicyForm">
      <fieldset>
        <legend>{trans.__('Who decides')}</legend>
        {[
          ['steward', trans.__('A steward, on every request')],
          ['policy', trans.__('The policy, on requests within the limits below')]
        ].map(([one, words]) => (
          <label key={one}>
            <input
              type="radio"
              name={mode}
              checked={value.mode === one}
              onChange={() => onChange({ ...value, mode: one })}
            />
            {words}
          </label>
        ))}
      </fieldset>
      <fieldset disabled={!byPolicy}>
        <legend>{trans.__('The policy approves')}</legend>
        <label>
          {trans.__('up to ε')}
          <input
            className="wb-Input wb-mod-short"
            type="number"
            min={0}
            max={policy.epsilon_per_run}
            step="any"
            value={value.epsilon ?? ''}
            onChange={event =>
              onChange({
                ...value,
                epsilon: event.target.value === '' ? null : Number(event.target.value)
              })
            }
          />
          <span className="wb-Muted">
            {trans.__('the terms allow %1 a run', figure(policy.epsilon_per_run))}
          </span>
        </label>
        {policy.purposes_allowed.map(code => (
          <label key={code}>
            <input
              type="checkbox"
              checked={value.purposes.includes(code)}
              onChange={event => choose(code, event.target.checked)}
            />
            {trans.__('for purpose %1', code)}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>{trans.__('What a steward decides takes')}</legend>
        {[1, 2].map(count => (
          <label key={count}>
            <input
              type="radio"
              name={`${mode}-approvals`}
              checked={value.approvals === count}
              onChange={() => onChange({ ...value, approvals: count })}
            />
            {count === 1
              ? trans.__('one approval')
              : trans.__('two approvals, by different stewards')}
          </label>
        ))}
      </fieldset>
    </div>
  );
}
