/** The shapes that the server extension answers with. */

export type DomainState = 'up' | 'slow' | 'down' | 'denied' | 'unknown';

export interface IProblem {
  code: string;
  message: string;
  hint: string;
}

export interface IDomain {
  name: string;
  title: string;
  state: DomainState;
  since: string | null;
  latency_ms: number | null;
  message: string;
  hint: string;
  version: string | null;
  api: number | null;
  warning: string;
  role: 'researcher' | 'steward' | null;
}

export interface ISession {
  api: number;
  version: string;
  key_id: string | null;
  problem: IProblem | null;
  domains: IDomain[];
}

export interface IEntry {
  path: string;
  domain: string;
  name: string;
  title: string;
  purposes: string[];
  fields: string[];
  records: number;
  unit: string;
  kind: 'table' | 'image' | 'series' | 'text' | 'graph';
  epsilon_total: number;
  epsilon_spent: number | null;
  epsilon_left: number | null;
  epsilon_per_run: number;
  delta: number;
  approval: 'steward' | 'policy';
  approvals: number;
  expires: string | null;
}

export interface ICatalog {
  version: string;
  datasets: IEntry[];
  problems: { domain: string; message: string; hint: string }[];
}

export interface IColumn {
  name: string;
  kind: string;
  role: string;
  shape: number[] | null;
  values: string;
  description: string;
}

export interface IArrays {
  column: string;
  kind: 'image' | 'series';
  shape: number[];
  items: number[][];
  labels: string[];
}

export type IPlot =
  | { column: string; kind: 'histogram'; edges: number[]; counts: number[] }
  | { column: string; kind: 'bars'; labels: string[]; counts: number[] };

export interface ISnippet {
  level: number;
  epsilon: number;
  words: string;
  columns: string[];
  rows: unknown[][];
  arrays: IArrays[];
  plots: IPlot[];
}

export interface IBudget {
  epsilon_total: number;
  /** null: the domain did not say. */
  epsilon_spent: number | null;
  epsilon_left: number | null;
  delta: number;
  runs: number | null;
  uses_left: number | null;
}

export interface IDataset {
  entry: IEntry;
  title: string;
  description: string;
  citation: string;
  licence: string;
  version: string;
  published: string;
  schema: IColumn[];
  terms: { text: string; rows: [string, string][] };
  budget: IBudget;
  snippet: ISnippet;
  models: IRequest[];
}

export interface IStarter {
  code: string;
  cells: { kind: 'markdown' | 'code'; source: string }[];
}

export interface IRequest {
  digest: string;
  domain: string;
  dataset: string;
  path: string;
  version: string;
  function: string;
  kind: 'training' | 'statistic';
  researcher: string;
  purpose: string;
  purpose_text: string;
  epsilon: number;
  delta: number;
  repeat: number;
  outputs: string[];
  plan: Record<string, unknown>;
  state: string;
  state_words: string;
  submitted: string;
  updated: string;
  decided_by: string;
  decider: string;
  reason: string;
  failure: string;
  failure_words: string;
  charged: boolean | number;
  progress: { step: number; steps: number; evaluations?: unknown } | null;
  approvals: { given: string[]; needed: number; keys?: string[] };
  mine: boolean;
  can_cancel: boolean;
  why_not_cancel: string;
}

export interface IMetric {
  name: string;
  value: number;
  standard_error: number | null;
}

export interface IResult {
  metrics: IMetric[];
  history: { step: number; metrics: IMetric[] }[];
  privacy: { epsilon: number; delta: number };
  steps: number;
  engine: string;
  evidence: { verified: boolean; checks: unknown[]; message: string };
  model: boolean;
  statistics: { name: string; values: number[] }[];
  load_code: string;
}

export interface IStudy {
  id: string;
  path: string;
  out: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  cell: number;
  cells: number;
  message: string;
  report: string | null;
  started: string;
  ended: string | null;
}

export interface IStudyParameter {
  name: string;
  /** Python source. */
  default: string;
  type: string;
  help: string;
}

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
