import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Splunk can't be run here. This is a scripted server, written from the documentation of its REST API
 * (https://docs.splunk.com/Documentation/Splunk/latest/RESTREF/RESTsearch): states of a job, polling, cancelling,
 * paging, messages, sessions, macros, saved searches. It doesn't search: what a job gives is in its script.
 */
export interface Splunk {
  readonly url: string;
  /** `METHOD path` of each request, in order; without queries. */
  readonly asked: readonly string[];
  /** The forms of the jobs that were asked for. */
  readonly dispatched: readonly Readonly<Record<string, string>>[];
  /** Their names, as they were removed. */
  readonly removed: readonly string[];
  /** Sessions that were given. */
  readonly sessions: readonly string[];
  /** Ends all sessions. */
  revoke(): void;
  close(): Promise<void>;
}

/** A job's content, or the status of an answer without one. */
type JobState = Readonly<Record<string, unknown>>;

/** How a job goes on. */
export interface ScriptedJob {
  /** What each look at it tells; the last one stays. Default: done at the first. */
  readonly states?: readonly JobState[] | ((looked: number) => JobState);
  readonly fields?: readonly string[];
  /** Rows, or how many there are and what each of them is. */
  readonly rows?: readonly object[] | { readonly count: number; readonly row: (at: number) => object };
  readonly messages?: readonly { readonly type: string; readonly text: string }[];
  /** Splunk refuses the search itself. */
  readonly refused?: { readonly status: number; readonly text: string; readonly times?: number };
  /** The most rows of one page, whatever was asked for. */
  readonly maxresultrows?: number;
}

export interface Scripts {
  /** @param spl as it was asked for */
  readonly search?: (spl: string) => ScriptedJob;
  readonly macros?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly saved?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly indexes?: readonly string[];
  readonly capabilities?: readonly string[];
  /** Versions before 9.0.1 have no `v2`. */
  readonly isOld?: boolean;
}

export const SPLUNK_TOKEN = 'canary-splunk-"$`token';
export const SPLUNK_USER = 'gateway';
export const SPLUNK_PASSWORD = 'canary-splunk-"$`password';

interface Running {
  readonly script: ScriptedJob;
  looked: number;
}

export async function startSplunk(scripts: Scripts = {}): Promise<Splunk> {
  const asked: string[] = [];
  const dispatched: Record<string, string>[] = [];
  const removed: string[] = [];
  const sessions: string[] = [];
  const valid = new Set<string>();
  const jobs = new Map<string, Running>();
  let refusals = 0;

  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    const url = new URL(request.url ?? '', 'http://splunk');
    const path = url.pathname;
    asked.push(`${request.method} ${path}`);
    const form = Object.fromEntries(request.method === 'POST' ? new URLSearchParams(body) : url.searchParams);
    if (form.output_mode !== 'json')
      return give(response, 400, { messages: [{ type: 'ERROR', text: 'not JSON' }] });
    if (path === '/services/auth/login') return login(response, form);
    if (!isKnown(request)) return give(response, 401, said('WARN', 'call not properly authenticated'));
    if (path === '/services/authentication/current-context')
      return give(response, 200, entries({ context: contextOf() }));
    if (path === '/services/server/info') return give(response, 200, entries({ info: { version: '9.4.1' } }));
    if (path === '/services/data/indexes')
      return give(
        response,
        200,
        entries(Object.fromEntries((scripts.indexes ?? []).map((name) => [name, {}]))),
      );
    const [, kind = '', name = ''] =
      /^\/services\/(configs\/conf-macros|saved\/searches)(?:\/(.+))?$/.exec(path) ?? [];
    if (kind !== '') return definition(response, kind, decodeURIComponent(name));
    const [, version = '', sid, action] =
      /^\/services\/search\/(v2\/)?jobs(?:\/([^/]+)(?:\/(\w+))?)?$/.exec(path) ?? [];
    if ((version !== '' && scripts.isOld) || !path.startsWith('/services/search/'))
      return give(response, 404, said('ERROR', 'Not Found'));
    if (sid === undefined) return dispatch(response, form);
    const job = jobs.get(sid);
    if (job === undefined) return give(response, 404, said('FATAL', 'Unknown sid.'));
    if (action === undefined) return look(response, sid, job);
    if (action === 'results') return results(response, job, form);
    if (action === 'control' && form.action === 'cancel') {
      jobs.delete(sid);
      removed.push(sid);
      return give(response, 200, said('INFO', 'Search job cancelled.'));
    }
    give(response, 404, said('ERROR', 'Not Found'));
  });

  function login(response: ServerResponse, { username, password }: Record<string, string>) {
    if (username !== SPLUNK_USER || password !== SPLUNK_PASSWORD)
      return give(response, 401, said('WARN', 'Login failed'));
    const key = `canary-session-${sessions.length + 1}`;
    sessions.push(key);
    valid.add(key);
    give(response, 200, { sessionKey: key });
  }

  function isKnown({ headers }: IncomingMessage) {
    const [scheme, credential = ''] = (headers.authorization ?? '').split(/ (.*)/s);
    return scheme === 'Bearer' ? credential === SPLUNK_TOKEN : scheme === 'Splunk' && valid.has(credential);
  }

  function contextOf() {
    return { username: SPLUNK_USER, roles: ['user'], capabilities: scripts.capabilities ?? ['search'] };
  }

  function definition(response: ServerResponse, kind: string, name: string) {
    const known = kind === 'saved/searches' ? scripts.saved : scripts.macros;
    if (name === '') return give(response, 200, entries(known ?? {}));
    const found = known !== undefined && Object.hasOwn(known, name) ? known[name] : undefined;
    if (found === undefined) return give(response, 404, said('ERROR', `Could not find object id=${name}`));
    give(response, 200, entries({ [name]: found }));
  }

  function dispatch(response: ServerResponse, form: Record<string, string>) {
    dispatched.push(form);
    const script = scripts.search?.(form.search ?? '') ?? {};
    if (!/^\s*(?:\||search\s)/.test(form.search ?? ''))
      return give(response, 400, said('FATAL', `Unknown search command '${form.search?.split(/\W/)[0]}'.`));
    if (script.refused !== undefined && refusals < (script.refused.times ?? Number.POSITIVE_INFINITY)) {
      refusals += 1;
      return give(response, script.refused.status, said('FATAL', script.refused.text));
    }
    if (form.exec_mode === 'oneshot') return give(response, 200, pageOf(script, 0, 50_000));
    const sid = form.id ?? `${Date.now()}.1`;
    jobs.set(sid, { script, looked: 0 });
    give(response, 201, { sid });
  }

  function look(response: ServerResponse, sid: string, job: Running) {
    const { states = [{ dispatchState: 'DONE', isDone: true, doneProgress: 1 }] } = job.script;
    const state =
      typeof states === 'function' ? states(job.looked) : states[Math.min(job.looked, states.length - 1)];
    job.looked += 1;
    if (state?.status === 204) return response.writeHead(204).end();
    if (typeof state?.status === 'number') return give(response, state.status, said('ERROR', 'busy'));
    const count = rowsOf(job.script).length;
    const usual = {
      sid,
      resultCount: count,
      eventCount: count,
      scanCount: count,
      isFailed: false,
      isFinalized: false,
    };
    give(response, 200, entries({ [sid]: { ...usual, messages: [], ...state } }));
  }

  function results(response: ServerResponse, { script }: Running, form: Record<string, string>) {
    const most = script.maxresultrows ?? 50_000;
    // As Splunk does it, 0 means all.
    const wanted = Number(form.count) || Number.POSITIVE_INFINITY;
    give(response, 200, pageOf(script, Number(form.offset), Math.min(wanted, most)));
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    dispatched,
    removed,
    sessions,
    revoke: () => valid.clear(),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function rowsOf({ rows = [] }: ScriptedJob): {
  readonly length: number;
  readonly slice: (from: number, to: number) => object[];
} {
  if (!('count' in rows)) return { length: rows.length, slice: (from, to) => rows.slice(from, to) };
  const { count, row } = rows;
  return {
    length: count,
    slice: (from, to) =>
      Array.from({ length: Math.max(0, Math.min(to, count) - from) }, (_, at) => row(from + at)),
  };
}

function pageOf(script: ScriptedJob, offset: number, count: number) {
  const rows = rowsOf(script).slice(offset, offset + count);
  const fields = script.fields ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return {
    preview: false,
    init_offset: offset,
    messages: script.messages ?? [],
    fields: fields.map((name) => ({ name })),
    results: rows,
  };
}

function entries(contents: Readonly<Record<string, object>>) {
  return { entry: Object.entries(contents).map(([name, content]) => ({ name, content })) };
}

function said(type: string, text: string) {
  return { messages: [{ type, text }] };
}

function give(response: ServerResponse, status: number, json: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
}
