import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type {
  ICatalog,
  IDataset,
  IProblem,
  IRequest,
  IResult,
  ISession,
  IStarter,
  IStudy,
  IParameter
} from './model';
import type {
  IApproval,
  IBlockHistory,
  IDryRun,
  ILogEntry,
  INewPopulation,
  IPerson,
  IPolicy,
  IPopulations,
  IPopulationStatus,
  ISpending
} from './oversight';
import { readEvents, type IServerEvent } from './stream';

/** The number of the routes' shapes that this front end speaks. */
export const API = 1;

/** The version of this front end, as in package.json. */
export const VERSION = '0.2.0';

/** An answer that says what went wrong and what to do next. */
export class ApiError extends Error implements IProblem {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
    readonly status: number
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** Whatever was thrown, as an error with a code. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) {
    return thrown;
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new ApiError('unexpected', message, '', 0);
}

type Method = 'GET' | 'POST' | 'PUT';

/** The routes of the server extension, typed. */
export class Api {
  constructor(private readonly settings = ServerConnection.makeSettings()) {}

  session = (): Promise<ISession> => this.ask('GET', ['session']);
  catalog = (): Promise<ICatalog> => this.ask('GET', ['catalog']);

  dataset(domain: string, name: string): Promise<IDataset> {
    return this.ask('GET', ['datasets', domain, name]);
  }
  starter(domain: string, name: string): Promise<IStarter> {
    return this.ask('GET', ['datasets', domain, name, 'starter']);
  }
  croissant(domain: string, name: string): Promise<unknown> {
    return this.ask('GET', ['datasets', domain, name, 'croissant']);
  }

  async requests(state = ''): Promise<IRequest[]> {
    const query: Record<string, string> = state ? { state } : {};
    return (await this.ask<{ requests: IRequest[] }>('GET', ['requests'], { query }))
      .requests;
  }
  request(
    domain: string,
    digest: string
  ): Promise<{ request: IRequest; result: IResult | null }> {
    return this.ask('GET', ['requests', domain, digest]);
  }
  async cancelRequest(domain: string, digest: string): Promise<IRequest> {
    const path = ['requests', domain, digest, 'cancel'];
    return (await this.ask<{ request: IRequest }>('POST', path)).request;
  }
  /** Where the browser downloads a bundle of evidence. */
  async evidence(domain: string, digest: string): Promise<Blob> {
    const path = ['requests', domain, digest, 'evidence'];
    return (await this.send('GET', path)).blob();
  }

  newStudy(dataset: string, folder: string): Promise<{ path: string }> {
    return this.ask('POST', ['studies'], { body: { dataset, folder } });
  }
  runStudy(path: string, parameters: Record<string, unknown>): Promise<IStudy> {
    return this.ask('POST', ['studies', 'run'], { body: { path, parameters } });
  }
  async studies(): Promise<IStudy[]> {
    return (await this.ask<{ studies: IStudy[] }>('GET', ['studies'])).studies;
  }
  cancelStudy(id: string): Promise<IStudy> {
    return this.ask('POST', ['studies', id, 'cancel']);
  }
  async studyParameters(path: string): Promise<IParameter[]> {
    const answer = await this.ask<{ parameters: IParameter[] }>(
      'GET',
      ['studies', 'parameters'],
      { query: { path } }
    );
    return answer.parameters;
  }

  review(
    domain: string,
    digest: string
  ): Promise<Record<string, unknown> & { request: IRequest }> {
    return this.ask('GET', ['steward', domain, 'requests', digest, 'review']);
  }
  async decide(
    domain: string,
    digest: string,
    verdict: 'approve' | 'deny',
    reason: string
  ): Promise<IRequest> {
    const path = ['steward', domain, 'requests', digest, 'decision'];
    const body = { verdict, reason };
    return (await this.ask<{ request: IRequest }>('POST', path, { body })).request;
  }
  spending(domain: string, name: string): Promise<ISpending> {
    return this.ask('GET', ['steward', domain, 'datasets', name, 'spending']);
  }
  async people(domain: string): Promise<IPerson[]> {
    const path = ['steward', domain, 'people'];
    return (await this.ask<{ people: IPerson[] }>('GET', path)).people;
  }
  admit(
    domain: string,
    body: { public_key: string; name: string; role: string }
  ): Promise<unknown> {
    return this.ask('POST', ['steward', domain, 'people'], { body });
  }
  revoke(domain: string, keyId: string): Promise<unknown> {
    return this.ask('POST', ['steward', domain, 'people', keyId, 'revoke']);
  }
  log(
    domain: string,
    after: number | null = null,
    limit = 100
  ): Promise<{ entries: ILogEntry[]; next: number | null }> {
    const query: Record<string, string> = { limit: String(limit) };
    if (after !== null) {
      query.after = String(after);
    }
    return this.ask('GET', ['steward', domain, 'log'], { query });
  }
  policy(domain: string, name: string): Promise<IPolicy> {
    return this.ask('GET', ['steward', domain, 'datasets', name, 'policy']);
  }
  dryRunPolicy(domain: string, name: string, approval: IApproval): Promise<IDryRun> {
    const path = ['steward', domain, 'datasets', name, 'policy', 'dry-run'];
    return this.ask('POST', path, { body: { approval } });
  }
  setPolicy(domain: string, name: string, approval: IApproval): Promise<IPolicy> {
    const path = ['steward', domain, 'datasets', name, 'policy'];
    return this.ask('PUT', path, { body: { approval } });
  }

  populations(domain: string): Promise<IPopulations> {
    return this.ask('GET', ['steward', domain, 'populations']);
  }
  async populationHistory(domain: string, name: string): Promise<IBlockHistory[]> {
    const path = ['steward', domain, 'populations', name, 'history'];
    return (await this.ask<{ blocks: IBlockHistory[] }>('GET', path)).blocks;
  }
  createPopulation(domain: string, body: INewPopulation): Promise<IPopulationStatus> {
    return this.ask('POST', ['steward', domain, 'populations'], { body });
  }
  /** Tells which datasets have to be published again. */
  async optOut(domain: string, name: string, person: string): Promise<string[]> {
    const path = ['steward', domain, 'populations', name, 'opt-out'];
    const body = { person };
    return (await this.ask<{ datasets: string[] }>('POST', path, { body })).datasets;
  }
  /** Tells whether it waits; it is made at once if another steward had proposed the same. */
  async proposeChange(
    domain: string,
    name: string,
    body: { epsilon_total: number | null; merge: string | null }
  ): Promise<boolean> {
    const path = ['steward', domain, 'populations', name, 'changes'];
    const answer = await this.ask<{ population: IPopulationStatus | null }>(
      'POST',
      path,
      { body }
    );
    return !answer.population;
  }
  /** The population as it is then, or null if a signature is still missing. */
  async agree(domain: string, digest: string): Promise<IPopulationStatus | null> {
    const path = ['steward', domain, 'changes', digest, 'agree'];
    const answer = await this.ask<{ population: IPopulationStatus | null }>(
      'POST',
      path,
      { body: {} }
    );
    return answer.population;
  }

  /** Follow the news until `signal` aborts or the connection ends. */
  async watch(
    interval: number,
    signal: AbortSignal,
    onEvent: (event: IServerEvent) => void
  ): Promise<void> {
    const query = { interval: String(interval) };
    const response = await this.send('GET', ['watch'], { query, signal });
    if (response.body === null) {
      throw new ApiError('no-stream', 'The server sent no stream.', '', response.status);
    }
    await readEvents(response.body, onEvent);
  }

  private async ask<T>(
    method: Method,
    path: string[],
    options: IOptions = {}
  ): Promise<T> {
    const response = await this.send(method, path, options);
    return (await response.json()) as T;
  }

  private async send(
    method: Method,
    path: string[],
    { query = {}, body, signal }: IOptions = {}
  ): Promise<Response> {
    const parts = path.map(encodeURIComponent);
    const address =
      URLExt.join(this.settings.baseUrl, 'workbench', 'v1', ...parts) +
      URLExt.objectToQueryString(query);
    const init: RequestInit = { method, signal };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(address, init, this.settings);
    } catch (thrown) {
      if (signal?.aborted) {
        throw thrown;
      }
      throw new ApiError(
        'server-unreachable',
        'The Jupyter server does not answer.',
        'Check that it still runs, then reload the page.',
        0
      );
    }
    if (!response.ok) {
      throw await errorOf(response);
    }
    return response;
  }
}

interface IOptions {
  query?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal;
}

async function errorOf(response: Response): Promise<ApiError> {
  const { status } = response;
  try {
    const { error } = (await response.json()) as { error: IProblem };
    return new ApiError(error.code, error.message, error.hint ?? '', status);
  } catch {
    if (status === 404) {
      return new ApiError(
        'extension-missing',
        'The server part of Data space is not running.',
        'In a terminal, run: jupyter server extension list',
        status
      );
    }
    return new ApiError('unexpected', `The server answered ${status}.`, '', status);
  }
}
