import * as React from 'react';

import type { IContext } from '../context';
import { useAttempt } from '../ui/attempt';
import { Field, numberOf } from '../ui/field';
import { ActionButton, Card, Problem, useUniqueId } from '../ui/parts';
import { LARGEST_EPSILON } from './words';

const EMPTY = {
  name: '',
  title: '',
  unit: 'person',
  total: '',
  delta: '',
  uses: '',
  each: '',
  blocks: ''
};
type Draft = typeof EMPTY;

const NAME = /^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/;
/** The word in dataset.yaml for a population of its own; no population can have this name. */
const RESERVED = 'new';
const LARGEST_DELTA = 0.01;

function within(text: string, most: number): boolean {
  const value = numberOf(text);
  return value !== null && value > 0 && value <= most;
}

/** What is wrong with a draft, in words; empty if nothing is. */
function whyNot(context: IContext, draft: Draft, names: string[]): string {
  const { trans } = context;
  const uses = numberOf(draft.uses);
  if (!NAME.test(draft.name.trim()) || draft.name.trim() === RESERVED) {
    return trans.__('Write a name: lower case, digits and inner hyphens.');
  }
  if (names.includes(draft.name.trim())) {
    return trans.__('There is a population of this name.');
  }
  if (!draft.unit.trim()) {
    return trans.__('Say what one member is: a record or a person.');
  }
  if (!within(draft.total, LARGEST_EPSILON)) {
    return trans.__('Write the total ε: above 0, at most %1.', LARGEST_EPSILON);
  }
  if (!within(draft.delta, LARGEST_DELTA) || Number(draft.delta) === LARGEST_DELTA) {
    return trans.__('Write δ: above 0, below %1.', LARGEST_DELTA);
  }
  if (uses !== null && !(Number.isSafeInteger(uses) && uses > 0)) {
    return trans.__('Runs are a whole number, or left empty.');
  }
  if (draft.each.trim() && !within(draft.each, Number(draft.total))) {
    return trans.__('One researcher can have the total at most.');
  }
  return '';
}

/** Make a population before its first dataset is published. */
export function NewPopulation(props: {
  context: IContext;
  domain: string;
  names: string[];
  onMade: () => void;
}): React.ReactElement {
  const { context, domain, names, onMade } = props;
  const { trans, api } = context;
  const [draft, setDraft] = React.useState(EMPTY);
  const [done, setDone] = React.useState('');
  const { busy, problem, attempt } = useAttempt();
  const units = useUniqueId('units');
  const why = whyNot(context, draft, names);
  const bind = (
    field: keyof Draft
  ): { value: string; onChange: (value: string) => void } => ({
    value: draft[field],
    onChange: value => setDraft({ ...draft, [field]: value })
  });

  const make = (): Promise<boolean> =>
    attempt(async () => {
      const name = draft.name.trim();
      setDone('');
      await api.createPopulation(domain, {
        name,
        title: draft.title.trim(),
        unit: draft.unit.trim(),
        epsilon_total: Number(draft.total),
        delta: Number(draft.delta),
        uses: numberOf(draft.uses),
        epsilon_per_researcher: numberOf(draft.each),
        blocks: draft.blocks.trim()
      });
      setDone(
        trans.__(
          'Population %1 is made. Datasets join it with “population: %1” in dataset.yaml.',
          name
        )
      );
      setDraft(EMPTY);
      onMade();
    });

  return (
    <Card title={trans.__('New population')}>
      <div className="wb-Form wb-mod-grid">
        <Field
          label={trans.__('Name')}
          help={trans.__('Lower case, digits and hyphens; dataset.yaml names it.')}
          maxLength={64}
          {...bind('name')}
        />
        <Field
          label={trans.__('Title')}
          help={trans.__('For people; may be empty.')}
          maxLength={200}
          {...bind('title')}
        />
        <Field
          label={trans.__('Unit')}
          help={trans.__(
            'Whom the promise is made to: record, person, or what the schemas call it.'
          )}
          list={units}
          maxLength={100}
          {...bind('unit')}
        />
        <datalist id={units}>
          <option value="person" />
          <option value="record" />
        </datalist>
        <Field
          label={trans.__('Total ε')}
          help={trans.__('For each of them, over all that is ever released.')}
          type="number"
          step="any"
          min={0}
          max={LARGEST_EPSILON}
          {...bind('total')}
        />
        <Field
          label={trans.__('δ')}
          help={trans.__('Much less than one in so many people, such as 0.000001.')}
          type="number"
          step="any"
          min={0}
          max={LARGEST_DELTA}
          {...bind('delta')}
        />
        <Field
          label={trans.__('Runs at most (optional)')}
          help={trans.__('A cap on how many runs there may ever be.')}
          type="number"
          step={1}
          min={1}
          {...bind('uses')}
        />
        <Field
          label={trans.__('ε per researcher (optional)')}
          help={trans.__('What one researcher may take of the total.')}
          type="number"
          step="any"
          min={0}
          max={LARGEST_EPSILON}
          {...bind('each')}
        />
        <Field
          label={trans.__('Block column (optional)')}
          help={trans.__(
            'A public column, such as month of admission. Each block has its own total.'
          )}
          maxLength={200}
          {...bind('blocks')}
        />
      </div>
      <div className="wb-Buttons">
        <ActionButton
          variant="primary"
          reason={why}
          busy={busy}
          onClick={() => void make()}
        >
          {trans.__('Make it')}
        </ActionButton>
        <span className="wb-Muted">{why}</span>
      </div>
      <p role="status">{done}</p>
      {problem && <Problem problem={problem} />}
    </Card>
  );
}
