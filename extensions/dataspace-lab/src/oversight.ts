/** The shapes of what stewards see, as the server extension answers with them. */

import type { IBudget } from './model';

export interface IApproval {
  mode: string;
  epsilon: number | null;
  purposes: string[];
  approvals: number;
}

export interface ISpending {
  budget: IBudget;
  points: {
    time: string;
    epsilon_spent: number;
    researcher: string;
    request: string;
    event: string;
  }[];
  researchers: {
    name: string;
    key_id: string;
    epsilon_spent: number;
    runs: number;
    cap: number | null;
  }[];
}

export interface IPerson {
  key_id: string;
  public_key: string;
  name: string;
  role: 'researcher' | 'steward';
  admitted: string;
  revoked: string | null;
}

export interface ILogEntry {
  sequence: number;
  time: string;
  event: string;
  who: string;
  subject: string;
  detail: unknown;
}

export interface IPopulation {
  name: string;
  title: string;
  /** What one member is, such as "person". */
  unit: string;
  epsilon_total: number;
  delta: number;
  epsilon_per_researcher: number | null;
  uses: number | null;
  /** The column that parts it; absent if it is one block. */
  blocks?: string;
  /** Absent unless it was merged. */
  merged_into?: string;
}

/** A block called "" is everybody, or of several those that are still to come. */
export interface IBlock {
  block: string;
  epsilon_spent: number;
  epsilon_left: number;
  runs: number;
}

export interface IPopulationStatus {
  population: IPopulation;
  datasets: string[];
  /** Who spent most comes first. */
  blocks: IBlock[];
}

export interface IWaitingChange {
  change: { name: string; proposed: string };
  digest: string;
  words: string;
  by: string[];
  keys: string[];
  /** Whether this person has signed it. */
  mine: boolean;
}

export interface IPopulations {
  populations: IPopulationStatus[];
  changes: IWaitingChange[];
}

export interface INewPopulation {
  name: string;
  title: string;
  unit: string;
  epsilon_total: number;
  delta: number;
  uses: number | null;
  epsilon_per_researcher: number | null;
  blocks: string;
}

export interface IBlockHistory {
  block: string;
  points: { time: string; epsilon_spent: number }[];
}

export interface IPolicy {
  approval: IApproval;
  purposes_allowed: string[];
  epsilon_per_run: number;
}

export interface IDryRun {
  requests: {
    digest: string;
    function: string;
    researcher: string;
    purpose: string;
    epsilon: number;
    submitted: string;
    state: string;
    decided_by: string;
    would: 'approve' | 'ask';
    why: string;
  }[];
  would_approve: number;
  considered: number;
}
