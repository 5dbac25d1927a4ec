/** The shapes of what stewards see, as the server extension answers with them. */

export interface IApproval {
  mode: string;
  epsilon: number | null;
  purposes: string[];
  approvals: number;
}

export interface IBudgetStatus {
  dataset_version: string;
  population: string;
  block: string;
  cap: number | null;
  shared: string[];
  epsilon_total: number;
  epsilon_spent: number;
  epsilon_left: number;
  delta: number;
  runs: number;
  uses_left: number | null;
}

export interface ISpendingPoint {
  time: string;
  epsilon_spent: number;
  researcher: string;
  request: string;
  event: string;
}

export interface IShare {
  name: string;
  key_id: string;
  epsilon_spent: number;
  runs: number;
  cap: number | null;
}

export interface ISpending {
  budget: IBudgetStatus;
  points: ISpendingPoint[];
  researchers: IShare[];
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
  key: string;
  subject: string;
  detail: string;
  previous: string;
  hash: string;
}

export interface IPopulation {
  format: string;
  domain: string;
  name: string;
  title: string;
  /** What one member is, such as "person". */
  unit: string;
  epsilon_total: number;
  delta: number;
  order: number;
  epsilon_per_researcher: number | null;
  uses: number | null;
  /** The column that parts it; absent if it is one block. */
  blocks?: string;
  /** Absent unless it was merged. */
  merged_into?: string;
  published: string;
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

export interface IPopulationChange {
  format: string;
  domain: string;
  name: string;
  population: string;
  epsilon_total?: number;
  other_name?: string;
  other?: string;
  merged_total?: number;
  proposed: string;
}

export interface IWaiting {
  change: IPopulationChange;
  by: string[];
  keys: string[];
  digest: string;
  words: string;
  /** Whether this person has signed it. */
  mine: boolean;
}

export interface IPopulations {
  populations: IPopulationStatus[];
  changes: IWaiting[];
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

export interface IBlockPoint {
  time: string;
  epsilon_spent: number;
}

export interface IBlockHistory {
  block: string;
  points: IBlockPoint[];
}

export interface IPolicy {
  approval: IApproval;
  purposes_allowed: string[];
  epsilon_per_run: number;
  card: string;
  /** What terms.yaml said last, where that is something else. */
  file: IApproval | null;
}

export interface IWouldBe {
  digest: string;
  function: string;
  researcher: string;
  purpose: string;
  epsilon: number;
  submitted: string;
  state: string;
  decided_by: 'steward' | 'policy' | null;
  would: 'approve' | 'ask';
  why: string;
}

export interface IDryRun {
  requests: IWouldBe[];
  would_approve: number;
  considered: number;
}
