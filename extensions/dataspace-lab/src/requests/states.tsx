import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IRequest } from '../model';

/** The states a request can be in, in the order of its life. */
export const STATES = [
  'pending',
  'approved',
  'running',
  'released',
  'denied',
  'failed',
  'cancelled'
] as const;

const FINAL = new Set(['released', 'denied', 'failed', 'cancelled']);

export function isFinal(request: IRequest): boolean {
  return FINAL.has(request.state);
}

// Each state has a shape of its own, so that it can be told without its colour.
const SHAPES: Record<string, string> = {
  pending:
    'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 2a8 8 0 1 1 0 16 8 8 0 0 1 0-16zm-1 3v6l4.5 3 1-1.6-3.5-2.4V7z',
  approved: 'M9 16.2 4.8 12l-1.4 1.4L9 19 21 7l-1.4-1.4z',
  running: 'M7 4v16l13-8z',
  released:
    'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm-1.8 14.4-4.3-4.3 1.5-1.5 2.8 2.8 6-6 1.5 1.5z',
  denied:
    'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm4.6 13.2-1.4 1.4-3.2-3.2-3.2 3.2-1.4-1.4 3.2-3.2-3.2-3.2 1.4-1.4 3.2 3.2 3.2-3.2 1.4 1.4-3.2 3.2z',
  failed: 'M12 2 1 21h22zm-1 7h2v6h-2zm0 8h2v2h-2z',
  cancelled:
    'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 2a8 8 0 0 1 4.9 1.7L5.7 16.9A8 8 0 0 1 12 4zm6.3 3.1A8 8 0 0 1 7.1 18.3z'
};

export function stateName(trans: TranslationBundle, state: string): string {
  const words: Record<string, string> = {
    pending: trans.__('waiting for a decision'),
    approved: trans.__('approved, about to start'),
    running: trans.__('running'),
    released: trans.__('released'),
    denied: trans.__('denied'),
    failed: trans.__('failed'),
    cancelled: trans.__('cancelled')
  };
  return words[state] ?? state;
}

/** The state in words; says too how many approvals are still missing. */
export function stateWords(trans: TranslationBundle, request: IRequest): string {
  const { given, needed } = request.approvals;
  if (request.state === 'pending' && given.length > 0 && given.length < needed) {
    return trans._n(
      'waiting for %1 more approval',
      'waiting for %1 more approvals',
      needed - given.length
    );
  }
  if (request.state === 'running' && request.progress) {
    const { step, steps } = request.progress;
    return request.kind === 'statistic'
      ? trans.__('running, round %1 of %2', step, steps)
      : trans.__('running, step %1 of %2', step, steps);
  }
  return stateName(trans, request.state);
}

export function StateMark(props: {
  trans: TranslationBundle;
  request: IRequest;
}): React.ReactElement {
  const { trans, request } = props;
  return (
    <span className="wb-State" data-state={request.state}>
      <svg
        width={14}
        height={14}
        viewBox="0 0 24 24"
        aria-hidden="true"
        focusable="false"
      >
        <path d={SHAPES[request.state] ?? SHAPES.pending} fill="currentColor" />
      </svg>
      {stateWords(trans, request)}
    </span>
  );
}

/** How far a run is; nothing before it starts and after it ended. */
export function RunProgress(props: {
  trans: TranslationBundle;
  request: IRequest;
}): React.ReactElement | null {
  const { trans, request } = props;
  if (request.state !== 'running' && request.state !== 'approved') {
    return null;
  }
  return (
    <progress
      className="wb-Progress"
      aria-label={trans.__('progress of %1', request.function)}
      // Without a value the bar says that it is not known how far it is.
      value={request.progress?.step}
      max={request.progress?.steps ?? 1}
    />
  );
}
