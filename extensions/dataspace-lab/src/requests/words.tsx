import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { figure } from '../charts';
import type { IRequest } from '../model';

/** Text that somebody else wrote: it is shown as it is, and cannot change the direction of the text around it. */
export function Foreign({ children }: { children: string }): React.ReactElement {
  return <bdi className="wb-Foreign">{children}</bdi>;
}

export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}

/** What the request costs, and whether it has been paid. */
export function cost(trans: TranslationBundle, request: IRequest): string {
  const epsilon = figure(request.epsilon, 3);
  if (request.charged) {
    return trans.__('ε %1, charged', epsilon);
  }
  if (['pending', 'approved', 'running'].includes(request.state)) {
    return trans.__('ε %1, set aside', epsilon);
  }
  return trans.__('ε %1 asked, nothing charged', epsilon);
}

/** What a cancellation leaves charged. */
export function whatStaysCharged(trans: TranslationBundle, request: IRequest): string {
  const epsilon = figure(request.epsilon, 3);
  if (request.charged || request.state === 'running') {
    return trans.__(
      'The run has started: its ε %1 stays charged, and nothing will be released.',
      epsilon
    );
  }
  if (request.state === 'approved') {
    return trans.__(
      'If it starts before the domain hears of this, its ε %1 stays charged. Otherwise nothing is.',
      epsilon
    );
  }
  return trans.__(
    'Nothing has run, so nothing is charged: the ε %1 set aside goes back to the budget.',
    epsilon
  );
}

/** The plan in one sentence; an option is named only if it is not at its default. */
export function planWords(trans: TranslationBundle, request: IRequest): string {
  const { plan } = request;
  const text = (name: string): string => {
    const value = plan[name];
    return typeof value === 'number' ? figure(value) : String(value ?? '–');
  };
  if (request.kind === 'statistic') {
    return trans.__(
      '%1 noisy sums over all records, sampling rate %2, bound on one unit %3, noise multiplier %4',
      text('rounds'),
      text('sample_rate'),
      text('max_norm'),
      text('noise_multiplier')
    );
  }
  const options = [
    'clipping',
    'target_quantile',
    'count_noise_multiplier',
    'schedule',
    'warmup_steps',
    'evaluations',
    'patience'
  ]
    .filter(name => plan[name] !== undefined && plan[name] !== null)
    .map(name => `, ${name.replace(/_/g, ' ')} ${text(name)}`);
  return (
    trans.__(
      '%1 steps of %2, sampling rate %3, clipping norm %4, noise multiplier %5, learning rate %6',
      text('steps'),
      text('optimizer'),
      text('sample_rate'),
      text('max_grad_norm'),
      text('noise_multiplier'),
      text('learning_rate')
    ) + options.join('')
  );
}

/** The current time, renewed every half a minute, so that ages stay true. */
export function useNow(): number {
  const [now, setNow] = React.useState(Date.now);
  React.useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 30_000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}
