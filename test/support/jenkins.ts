import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Today's Jenkins can't be run here; test/nightly/jenkins.test.ts asks its ancestor Hudson. This is a scripted server for
 * what a Jenkins does otherwise, written from its documentation (https://www.jenkins.io/doc/book/using/remote-access-api/,
 * https://www.jenkins.io/doc/book/security/csrf-protection/): logins, crumbs that are bound to a session, 201 with the
 * item of the queue, folders, reports of tests.
 */
export interface Jenkins {
  readonly url: string;
  /** `METHOD path` of each request, in order; without queries. */
  readonly asked: readonly string[];
  /** The forms of the builds that were asked for. */
  readonly built: readonly Readonly<Record<string, string>>[];
  /** Builds and items of the queue that were ended. */
  readonly ended: readonly string[];
  close(): Promise<void>;
}

export interface JenkinsScript {
  /** JSON by path, below the URL and without `api/json`. */
  readonly answers?: Readonly<Record<string, object>>;
  /** Logs by the path of the build. A function gets where it is asked from. */
  readonly logs?: Readonly<
    Record<string, string | ((start: number) => { text: string; size: number; more: boolean })>
  >;
  /** Parameters of the job `team/app`, which can be built. */
  readonly parameters?: readonly string[];
  /** The item of the queue as it is looked at for the nth time; undefined: it has begun. */
  readonly waits?: (looked: number) => { readonly why?: string; readonly cancelled?: boolean } | undefined;
  /** The build as it is looked at for the nth time. Default: a success at once. */
  readonly states?: (looked: number) => { readonly building: boolean; readonly result: string | null };
  /** How crumbs are treated: none are issued, each is refused, or (default) they belong to a session. */
  readonly crumbs?: 'off' | 'refused';
}

export const JENKINS_USER = 'oncall';
export const JENKINS_TOKEN = 'canary-jenkins-"$`token';
const SESSION = 'canary-jenkins-session.node0';
const CRUMB = 'canary-crumb-0123456789abcdef';
export const JENKINS_SECRETS = [JENKINS_TOKEN, SESSION, CRUMB];

const NUMBER = 12;
const BUILD = `job/team/job/app/${NUMBER}/`;

export async function startJenkins(script: JenkinsScript = {}): Promise<Jenkins> {
  const asked: string[] = [];
  const built: Record<string, string>[] = [];
  const ended: string[] = [];
  let [waited, looked, isCancelled] = [0, 0, false];

  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    const url = new URL(request.url ?? '', 'http://jenkins');
    const path = url.pathname.slice(1);
    const { method = '', headers } = request;
    asked.push(`${method} ${url.pathname}`);
    if (
      headers.authorization !== `Basic ${Buffer.from(`${JENKINS_USER}:${JENKINS_TOKEN}`).toString('base64')}`
    )
      return give(response, 401, 'text/html', '<h1>Invalid password/token</h1>');
    if (method === 'POST') return write(response, path, url, body, headers);
    if (path === 'crumbIssuer/api/json') return issue(response);
    const [, of = '', log] = /^(.*?)(api\/json|logText\/progressiveText)$/.exec(path) ?? [];
    if (log === 'logText/progressiveText') return logOf(response, of, Number(url.searchParams.get('start')));
    if (log === undefined || !url.searchParams.has('tree'))
      return give(response, 404, 'text/html', 'Not found');
    const json = jsonAt(of);
    if (json === undefined) return give(response, 404, 'text/html', 'Not found');
    response.setHeader('x-jenkins', '2.528.3');
    give(response, 200, 'application/json;charset=utf-8', JSON.stringify(json));
  });

  function issue(response: ServerResponse) {
    if (script.crumbs === 'off') return give(response, 404, 'text/html', 'Not found');
    response.setHeader('set-cookie', [
      `JSESSIONID.ab12=${SESSION}; Path=/; Secure; HttpOnly`,
      'other=x; Expires=Thu, 01 Jan 2026 00:00:00 GMT',
    ]);
    give(
      response,
      200,
      'application/json',
      JSON.stringify({ crumb: CRUMB, crumbRequestField: 'Jenkins-Crumb' }),
    );
  }

  function write(
    response: ServerResponse,
    path: string,
    url: URL,
    body: string,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ) {
    const isOfSession =
      headers['jenkins-crumb'] === CRUMB && String(headers.cookie).includes(`JSESSIONID.ab12=${SESSION}`);
    if (script.crumbs === 'refused' || (script.crumbs !== 'off' && !isOfSession))
      return give(response, 403, 'text/html', '<h1>No valid crumb was included in the request</h1>');
    if (/^job\/team\/job\/app\/build(WithParameters)?$/.test(path)) {
      built.push(Object.fromEntries(new URLSearchParams(body)));
      // Its own idea of its address need not be the one that it was asked at.
      response.setHeader('location', 'https://jenkins.example.com/queue/item/77/');
      return give(response, 201, 'text/plain', '');
    }
    if (path === 'queue/cancelItem') {
      isCancelled = true;
      ended.push(`item ${url.searchParams.get('id')}`);
      return give(response, 204, 'text/plain', '');
    }
    if (path === `${BUILD}stop`) {
      ended.push(`build ${NUMBER}`);
      response.setHeader('location', '/');
      return give(response, 302, 'text/plain', '');
    }
    give(response, 404, 'text/html', 'Not found');
  }

  function jsonAt(path: string): object | undefined {
    const { answers = {}, parameters = [], waits, states } = script;
    if (Object.hasOwn(answers, path)) return answers[path];
    if (path === 'job/team/job/app/')
      return {
        nextBuildNumber: NUMBER,
        buildable: true,
        property: [{}, { parameterDefinitions: parameters.map((name) => ({ name })) }],
      };
    if (path === 'queue/item/77/') {
      const item = waits?.(waited++);
      if (isCancelled) return { id: 77, cancelled: true };
      return item === undefined ? { id: 77, executable: { number: NUMBER } } : { id: 77, ...item };
    }
    if (path !== BUILD) return undefined;
    const state = ended.includes(`build ${NUMBER}`)
      ? { building: false, result: 'ABORTED' }
      : (states?.(looked++) ?? { building: false, result: 'SUCCESS' });
    return {
      number: NUMBER,
      timestamp: 1_769_857_200_000,
      duration: 61_500,
      estimatedDuration: 60_000,
      url: 'x',
      ...state,
    };
  }

  function logOf(response: ServerResponse, path: string, start: number) {
    const log = script.logs !== undefined && Object.hasOwn(script.logs, path) ? script.logs[path] : undefined;
    if (log === undefined) return give(response, 404, 'text/html', 'Not found');
    const { text, size, more } =
      typeof log === 'function' ? log(start) : { text: log.slice(start), size: log.length, more: false };
    response.setHeader('x-text-size', String(size));
    if (more) response.setHeader('x-more-data', 'true');
    give(response, 200, 'text/plain;charset=utf-8', text);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    built,
    ended,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function give(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type }).end(body);
}
