import * as React from 'react';

import { useUniqueId } from './parts';

/** One input of a form, with its name and what it is for. */
export function Field(
  props: Omit<React.InputHTMLAttributes<HTMLInputElement>, 'onChange'> & {
    label: string;
    help?: React.ReactNode;
    value: string;
    onChange: (value: string) => void;
  }
): React.ReactElement {
  const { label, help, onChange, ...rest } = props;
  const id = useUniqueId('help');
  return (
    <div>
      <label>
        {label}
        <input
          className="wb-Input"
          spellCheck={false}
          autoComplete="off"
          aria-describedby={help ? id : undefined}
          onChange={event => onChange(event.target.value)}
          {...rest}
        />
      </label>
      {help && (
        <p id={id} className="wb-Muted">
          {help}
        </p>
      )}
    </div>
  );
}

/** The number that was written; null if there is none. */
export function numberOf(text: string): number | null {
  return text.trim() === '' ? null : Number(text);
}
