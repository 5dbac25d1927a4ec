import type { IBudget, IRequest } from '../model';

/** All facts for one decision, as the domain collects them. */
export interface IReview {
  request: IRequest;
  facts: {
    operators: Record<string, number>;
    trainable: number;
    archive_bytes: number;
  };
  epsilon_asked: number;
  epsilon_run: number;
  delta: number;
  budget: IBudget;
  leaves: string[];
  policy: string[];
  rehearsal: {
    state: 'waiting' | 'done' | 'failed';
    metrics: { name: string; value: number }[];
    note: string;
  };
  previous: {
    request_digest: string;
    changes: { field: string; before: string; after: string }[];
  } | null;
  counts: { clamped: Record<string, number>; filled: Record<string, number> };
}
