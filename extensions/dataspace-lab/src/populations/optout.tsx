import * as React from 'react';

import type { IContext } from '../context';
import { Foreign } from '../requests/words';
import { useAttempt } from '../ui/attempt';
import { confirm } from '../ui/dialogs';
import { Field } from '../ui/field';
import { Problem } from '../ui/parts';
import type { IFormProps } from './form';
import { Send } from './send';

/** A person does not want to take part any more. */
export function OptOutForm(props: IFormProps): React.ReactElement {
  const { context, domain, population, onDone, onClose } = props;
  const { trans, api } = context;
  const [person, setPerson] = React.useState('');
  const { busy, problem, attempt } = useAttempt();

  const send = async (): Promise<void> => {
    const sure = await confirm({
      title: trans.__('Let this person opt out?'),
      body: (
        <div>
          <p>
            <Foreign>{person.trim()}</Foreign>
          </p>
          <p>
            {trans.__(
              'From then on nothing starts on data that hold this person. Waiting requests on them are refused.'
            )}
          </p>
          <p>{trans.__('What was spent stays spent. This cannot be undone.')}</p>
        </div>
      ),
      keep: trans.__('Not now'),
      go: trans.__('Opt out')
    });
    if (sure) {
      await attempt(async () => {
        const datasets = await api.optOut(domain, population.name, person.trim());
        onDone(<OptedOut context={context} datasets={datasets} />);
      });
    }
  };

  return (
    <>
      <Field
        label={trans.__('The person')}
        help={trans.__('As the unit column of the files has it.')}
        value={person}
        maxLength={500}
        onChange={setPerson}
      />
      <Send
        context={context}
        words={trans.__('Opt out')}
        reason={person.trim() ? '' : trans.__('Write who it is first.')}
        busy={busy}
        onSend={() => void send()}
        onClose={onClose}
      />
      {problem && <Problem problem={problem} />}
    </>
  );
}

function OptedOut(props: { context: IContext; datasets: string[] }): React.ReactElement {
  const { trans } = props.context;
  const { datasets } = props;
  return (
    <>
      <p>
        {trans.__('Noted: nothing starts any more on data that hold this person.')}{' '}
        {datasets.length > 0 &&
          trans.__('Publish these again; they go on without the person:')}
      </p>
      <ul className="wb-Commands">
        {datasets.map(name => (
          <li key={name}>
            <code>workbench domain publish DIR {name}</code>
          </li>
        ))}
      </ul>
    </>
  );
}
