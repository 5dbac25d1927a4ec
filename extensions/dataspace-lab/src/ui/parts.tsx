import * as React from 'react';

import type { IProblem } from '../model';

let counter = 0;

/** An id that is unique on the page, for aria references. */
export function useUniqueId(prefix: string): string {
  return React.useState(() => `wb-${prefix}-${(counter += 1)}`)[0];
}

export interface IActionProps {
  children: React.ReactNode;
  onClick: () => void;
  /** Why it cannot be used now; empty when it can. */
  reason?: string;
  variant?: 'primary' | 'plain' | 'danger' | 'quiet';
  label?: string;
  title?: string;
  busy?: boolean;
  /** For a button that opens something: whether it is open. */
  expanded?: boolean;
}

/** A button that, when it cannot be used, stays focusable and says why. */
export function ActionButton(props: IActionProps): React.ReactElement {
  const { reason = '', variant = 'plain', busy = false } = props;
  const id = useUniqueId('why');
  const off = reason !== '' || busy;
  return (
    <>
      <button
        type="button"
        className={`wb-Button wb-mod-${variant}`}
        aria-disabled={off}
        aria-busy={busy}
        aria-expanded={props.expanded}
        aria-label={props.label}
        aria-describedby={reason ? id : undefined}
        title={reason || props.title}
        onClick={off ? undefined : props.onClick}
      >
        {props.children}
      </button>
      {reason && (
        <span id={id} className="wb-Hidden">
          {reason}
        </span>
      )}
    </>
  );
}

/** What went wrong, and what to do next. */
export function Problem(props: {
  problem: Pick<IProblem, 'message' | 'hint'>;
  kind?: 'error' | 'warning' | 'info';
  children?: React.ReactNode;
}): React.ReactElement {
  const { problem, kind = 'error' } = props;
  return (
    <div
      className={`wb-Problem wb-mod-${kind}`}
      role={kind === 'error' ? 'alert' : 'note'}
    >
      <strong>{problem.message}</strong>
      {problem.hint && <span>{problem.hint}</span>}
      {props.children}
    </div>
  );
}

/** A place that is empty, in words. */
export function Empty({ children }: { children: React.ReactNode }): React.ReactElement {
  return <p className="wb-Empty">{children}</p>;
}

/** Something is on its way. */
export function Loading({ label }: { label: string }): React.ReactElement {
  return (
    <div className="wb-Loading" role="status" aria-label={label}>
      <i />
      <i />
      <i />
    </div>
  );
}

/** A bar of how much of a whole is used. */
export function Meter(props: {
  label: string;
  value: number;
  total: number;
  /** The value in words, for screen readers. */
  text: string;
  kind?: 'brand' | 'warn' | 'error' | 'success';
}): React.ReactElement {
  const { value, total, kind = 'brand' } = props;
  const share = total > 0 ? Math.min(1, Math.max(0, value / total)) : 0;
  return (
    <div
      className={`wb-Meter wb-mod-${kind}`}
      role="meter"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={Math.min(total, Math.max(0, value))}
      aria-valuetext={props.text}
      title={props.text}
    >
      <span style={{ width: `${100 * share}%` }} />
    </div>
  );
}

/** Names and values, as a list of definitions. */
export function Facts({
  rows
}: {
  rows: readonly (readonly [string, React.ReactNode])[];
}): React.ReactElement {
  return (
    <dl className="wb-Facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A part of a page, with a heading. */
export function Card(props: {
  title: React.ReactNode;
  aside?: React.ReactNode;
  children: React.ReactNode;
}): React.ReactElement {
  const id = useUniqueId('card');
  return (
    <section className="wb-Card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}
