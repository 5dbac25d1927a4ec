import type { IEntry, IRequest } from '../model';
import type { IState } from '../store';

/** The domains at which this person is a steward. */
export function stewardDomains(state: IState): string[] {
  return (state.session?.domains ?? [])
    .filter(domain => domain.role === 'steward')
    .map(domain => domain.name);
}

/** What waits for a decision there; who waits longest comes first. */
export function waiting(state: IState): IRequest[] {
  const domains = new Set(stewardDomains(state));
  return (state.requests ?? [])
    .filter(one => one.state === 'pending' && domains.has(one.domain))
    .sort((a, b) => a.submitted.localeCompare(b.submitted));
}

export function datasetsOf(state: IState, domain: string): IEntry[] {
  return (state.catalog?.datasets ?? []).filter(entry => entry.domain === domain);
}

/** Whether this person's approval is among those given. */
export function approvedByMe(state: IState, request: IRequest): boolean {
  const me = state.session?.key_id;
  return !!me && request.approvals.keys.includes(me);
}
