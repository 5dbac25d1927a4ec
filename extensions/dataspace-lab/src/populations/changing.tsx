import * as React from 'react';

import { figure } from '../charts';
import type { IContext } from '../context';
import type { IPopulation } from '../oversight';
import { useAttempt } from '../ui/attempt';
import { Field, numberOf } from '../ui/field';
import { Problem } from '../ui/parts';
import type { IFormProps } from './form';
import { Send } from './send';
import { LARGEST_EPSILON } from './words';

/** What came of a proposal, in words. */
function proposed(context: IContext, waits: boolean): string {
  const { trans } = context;
  return waits
    ? trans.__('You have signed it. Another steward has to agree on this page.')
    : trans.__('Another steward had proposed the same: the change holds from now on.');
}

/** A higher total, for two stewards to agree on. */
export function RaiseForm(props: IFormProps): React.ReactElement {
  const { context, domain, population, onDone, onClose } = props;
  const { trans, api } = context;
  const [text, setText] = React.useState('');
  const { busy, problem, attempt } = useAttempt();
  const total = numberOf(text);
  const now = population.epsilon_total;
  const reason =
    total === null || !(total > now)
      ? trans.__('Write a number above %1.', figure(now))
      : total > LARGEST_EPSILON
        ? trans.__('A total is at most %1.', LARGEST_EPSILON)
        : '';
  return (
    <>
      <Field
        label={trans.__('New total ε')}
        help={trans.__(
          'Now it is %1. A total is a promise to each of them, so this takes a second steward: your word alone changes nothing.',
          figure(now)
        )}
        type="number"
        step="any"
        min={now}
        max={LARGEST_EPSILON}
        value={text}
        onChange={setText}
      />
      <Send
        context={context}
        words={trans.__('Sign and propose')}
        reason={reason}
        busy={busy}
        onSend={() =>
          void attempt(async () => {
            const wanted = { epsilon_total: total, merge: null };
            const waits = await api.proposeChange(domain, population.name, wanted);
            onDone(proposed(context, waits));
          })
        }
        onClose={onClose}
      />
      {problem && <Problem problem={problem} />}
    </>
  );
}

/** Two populations that are the same people, for two stewards to agree on. */
export function MergeForm(
  props: IFormProps & { others: IPopulation[] }
): React.ReactElement {
  const { context, domain, population, others, onDone, onClose } = props;
  const { trans, api } = context;
  const [name, setName] = React.useState('');
  const { busy, problem, attempt } = useAttempt();
  const other = others.find(one => one.name === name);
  return (
    <>
      <label>
        {trans.__('Which population goes into %1', population.name)}
        <select
          className="wb-Input"
          value={name}
          onChange={event => setName(event.target.value)}
        >
          <option value="">{trans.__('choose one')}</option>
          {others.map(one => (
            <option key={one.name} value={one.name}>
              {trans.__('%1, ε %2', one.name, figure(one.epsilon_total))}
            </option>
          ))}
        </select>
      </label>
      <p className="wb-Muted">
        {other
          ? trans.__(
              'The lower of the two totals, ε %1, holds for both. What was spent on either counts for both.',
              figure(Math.min(other.epsilon_total, population.epsilon_total))
            )
          : trans.__(
              'The lower of the two totals holds for both. What was spent on either counts for both.'
            )}{' '}
        {trans.__(
          'This cannot be undone and takes a second steward: your word alone changes nothing.'
        )}
      </p>
      <Send
        context={context}
        words={trans.__('Sign and propose')}
        reason={other ? '' : trans.__('Choose a population first.')}
        busy={busy}
        onSend={() =>
          void attempt(async () => {
            const wanted = { epsilon_total: null, merge: name };
            const waits = await api.proposeChange(domain, population.name, wanted);
            onDone(proposed(context, waits));
          })
        }
        onClose={onClose}
      />
      {problem && <Problem problem={problem} />}
    </>
  );
}
