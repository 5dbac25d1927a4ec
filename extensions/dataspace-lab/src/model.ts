/** The shapes that the server extension answers with; a test compares them with its own. */

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

/** Why a domain cannot be used now, and what to do. */
export interface IDomainProblem {
  domain: string;
  message: string;
  hint: string;
}

export interface ICatalog {
  version: string;
  datasets: IEntry[];
  problems: IDomainProblem[];
}

export interface IColumn {
  name: string;
  kind: string;
  role: string;
  shape: number[] | null;
  /** The public bounds or categories in words. */
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

export interface IHistogram {
  column: string;
  kind: 'histogram';
  edges: number[];
  counts: number[];
}

export interface IBars {
  column: string;
  kind: 'bars';
  labels: string[];
  counts: number[];
}

export type IPlot = IHistogram | IBars;

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

export interface ITerms {
  text: string;
  rows: [string, string][];
}

export interface ICard {
  title: string;
  description: string;
  citation: string;
  licence: string;
  version: string;
  published: string;
  schema: IColumn[];
  terms: ITerms;
}

export interface IDataset extends ICard {
  entry: IEntry;
  budget: IBudget;
  snippet: ISnippet;
  models: IRequest[];
}

export interface ICell {
  kind: 'markdown' | 'code';
  source: string;
}

export interface IStarter {
  code: string;
  cells: ICell[];
}

export interface IApprovals {
  /** The names of those who approved it. */
  given: string[];
  keys: string[];
  needed: number;
}

export interface IProgress {
  step: number;
  steps: number;
  evaluations: IEvaluation[];
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
  charged: boolean;
  progress: IProgress | null;
  approvals: IApprovals;
  mine: boolean;
  can_cancel: boolean;
  why_not_cancel: string;
}

export interface IMetric {
  name: string;
  value: number;
  standard_error: number | null;
}

export interface IEvaluation {
  step: number;
  metrics: IMetric[];
}

export interface IPrivacy {
  epsilon: number;
  delta: number;
}

export interface IEvidence {
  verified: boolean;
  checks: string[];
  message: string;
}

export interface IValues {
  name: string;
  values: number[];
}

/** A release; without verified evidence it holds nothing but why. */
export interface IResult {
  metrics: IMetric[];
  history: IEvaluation[];
  privacy: IPrivacy | null;
  steps: number | null;
  engine: string;
  evidence: IEvidence;
  model: boolean;
  statistics: IValues[];
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

export interface IParameter {
  name: string;
  /** Python source. */
  default: string;
  type: string;
  help: string;
}
