import * as React from 'react';

import type { IContext } from '../context';
import type { IPopulation, IPopulationStatus } from '../oversight';
import { ActionButton } from '../ui/parts';
import { MergeForm, RaiseForm } from './changing';
import type { IFormProps } from './form';
import { OptOutForm } from './optout';
import { mergeable } from './words';

type Action = 'opt-out' | 'raise' | 'merge';

/** What a steward can do with a population; each button opens its form. */
export function Actions(props: {
  context: IContext;
  domain: string;
  population: IPopulation;
  all: IPopulationStatus[];
  onChanged: () => void;
}): React.ReactElement {
  const { context, domain, population, all, onChanged } = props;
  const { trans } = context;
  const { name } = population;
  const [open, setOpen] = React.useState<Action | null>(null);
  const [said, setSaid] = React.useState<React.ReactNode>('');
  const form = React.useRef<HTMLDivElement>(null);
  const opener = React.useRef<Element | null>(null);
  React.useEffect(() => {
    if (open) {
      opener.current = document.activeElement;
      form.current?.querySelector<HTMLElement>('input, select')?.focus();
    } else if (opener.current instanceof HTMLElement) {
      opener.current.focus();
    }
  }, [open]);

  const others = mergeable(population, all);
  const noPerson =
    population.unit === 'record'
      ? trans.__(
          'Nobody can opt out here: single records have no label. Take the record out of the file and publish the dataset again.'
        )
      : '';
  const noOther =
    others.length === 0
      ? trans.__('There is no other population of this unit that has no blocks.')
      : '';
  const buttons: [Action, string, string, string][] = [
    ['opt-out', trans.__('Opt out …'), trans.__('Opt out of %1', name), noPerson],
    ['raise', trans.__('Raise the total …'), trans.__('Raise the total of %1', name), ''],
    ['merge', trans.__('Merge …'), trans.__('Merge into %1', name), noOther]
  ];
  const shared: IFormProps = {
    context,
    domain,
    population,
    onDone: words => {
      setSaid(words);
      setOpen(null);
      onChanged();
    },
    onClose: () => setOpen(null)
  };

  return (
    <div className="wb-PopulationActions">
      <div className="wb-Buttons">
        {buttons.map(([action, words, label, reason]) => (
          <ActionButton
            key={action}
            label={label}
            reason={reason}
            expanded={open === action}
            onClick={() => {
              setSaid('');
              setOpen(open === action ? null : action);
            }}
          >
            {words}
          </ActionButton>
        ))}
      </div>
      {noPerson && <p className="wb-Muted">{noPerson}</p>}
      {open && (
        <div
          ref={form}
          className="wb-Form wb-mod-inner"
          role="group"
          aria-label={buttons.find(([action]) => action === open)![2]}
          onKeyDown={event => {
            if (event.key === 'Escape') {
              event.stopPropagation();
              setOpen(null);
            }
          }}
        >
          {open === 'opt-out' && <OptOutForm {...shared} />}
          {open === 'raise' && <RaiseForm {...shared} />}
          {open === 'merge' && <MergeForm {...shared} others={others} />}
        </div>
      )}
      <div role="status">{said}</div>
    </div>
  );
}
