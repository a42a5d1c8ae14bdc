import type { Page } from '../core/pages.js';
import { CellError, type Limits } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import type { Resources } from '../core/resources.js';
import { Secret } from '../core/secret.js';
import { credentialRefusal, UNKNOWN } from '../http/credential-refusal.js';
import type { Place } from '../http/dispatcher.js';
import { LARGEST_TOKEN, type Token, Tokens } from '../http/issued-tokens.js';
import { readJson } from '../http/json.js';
import { type Patience, sendPatiently, usualPatience } from '../http/retry.js';
import { beginningOf, type HttpAnswer, type HttpRequest, send } from '../http/send.js';
import { statusLine } from '../http/status-line.js';
import { type Message, messagesIn } from './messages.js';

export interface SplunkSettings extends Place {
  readonly token?: Secret | undefined;
  readonly username?: string | undefined;
  readonly password?: Secret | undefined;
  readonly read_only: boolean;
  readonly allow_commands?: readonly string[] | undefined;
  readonly web_url?: string | undefined;
}

/** As much of a cell's job, or of a connection's test, as a request takes. */
export interface SplunkJob {
  readonly settings: SplunkSettings;
  readonly signal: AbortSignal;
  readonly resources: Resources;
  readonly hide: Limits['hide'];
}

export interface SplunkRequest {
  readonly method: 'GET' | 'POST';
  /** Below the connection's URL, encoded: `services/server/info`. */
  readonly path: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** In bytes. */
  readonly largest?: number;
}

/** What Splunk says about itself, a job or a mistake is small, in bytes. */
const LARGEST_MESSAGE = 1024 * 1024;

/** A session ends after an hour without use (web.conf, `tools.sessions.timeout`); in milliseconds. */
const SESSION_MS = 50 * 60_000;

/** How long Splunk says that it runs as many searches as it may before it is asked again, in milliseconds. */
const BUSY_MS = 5_000;

/** A search that Splunk didn't begin, because it runs as many as it may, may be sent again; the rest is as everywhere. */
const patience: Patience = (answer, request, tries) => {
  if (answer.status === 503 && /concurrent|quota/i.test(beginningOf(answer, LARGEST_MESSAGE))) return BUSY_MS;
  return usualPatience(answer, request, tries);
};

/** @returns any answer but one that refuses the credential, in JSON as a rule; asked once */
export async function askSplunk(job: SplunkJob, request: SplunkRequest): Promise<HttpAnswer> {
  const first = await send(job.settings, await toHttp(job, request));
  if (!forgetsSession(job, first)) return permitted(first);
  return permitted(await send(job.settings, await toHttp(job, request)));
}

/** The same, asked again while Splunk is busy and the cell has time. */
export async function* askSplunkPatiently(
  job: SplunkJob & Pick<Limits, 'endsAt'>,
  request: SplunkRequest,
): AsyncGenerator<Page, HttpAnswer> {
  const ask = async () => sendPatiently(job.settings, await toHttp(job, request), job.endsAt, patience);
  const first: HttpAnswer = yield* await ask();
  if (!forgetsSession(job, first)) return permitted(first);
  return permitted(yield* await ask());
}

/**
 * What Splunk's JSON says.
 * @throws {CellError} for an answer that isn't Splunk's, or that refuses
 */
export function contentOf(answer: HttpAnswer): Readonly<Record<string, unknown>> {
  const json = answer.size > LARGEST_MESSAGE ? undefined : readJson(answer.pieces);
  if (answer.status >= 400) throw new CellError(refusal(answer.status, messagesIn(Object(json).messages)));
  if (typeof json !== 'object' || json === null)
    throw new CellError(
      `The answer (${statusLine(answer.status)}) is not from Splunk's API: does the connection's url have the ` +
        'management port (8089 as a rule)?',
    );
  return json as Readonly<Record<string, unknown>>;
}

/** The entries of a list that Splunk answers, each with its name and content. */
export function entriesOf(
  answer: HttpAnswer,
): { name: string; content: Readonly<Record<string, unknown>> }[] {
  const { entry } = contentOf(answer);
  return (Array.isArray(entry) ? entry : []).map((each) => ({
    name: String(Object(each).name ?? ''),
    content: Object(Object(each).content),
  }));
}

function refusal(status: number, messages: readonly Message[]): string {
  const said = messages.map(({ text }) => text).join(' ');
  if (/maximum number of concurrent|quota/i.test(said))
    return `Splunk runs as many searches as this user or this machine may: ${shortened(said, 400)} Run the cell again in a while, or allow more with --timeout.`;
  if (said === '') return `Splunk answered ${statusLine(status)}.`;
  return `Splunk answered ${statusLine(status)}: ${shortened(said, 500)}`;
}

function permitted(answer: HttpAnswer): HttpAnswer {
  const refused = credentialRefusal('Splunk', answer.status);
  if (refused !== undefined) throw refused;
  return answer;
}

async function toHttp(job: SplunkJob, request: SplunkRequest): Promise<HttpRequest> {
  const { method, path, parameters = {}, largest } = request;
  const { settings, signal, resources } = job;
  const url = new URL(path, settings.url.replace(/\/?$/, '/'));
  const form = new URLSearchParams({ ...parameters, output_mode: 'json' });
  if (method === 'GET') url.search = form.toString();
  return {
    method,
    url,
    headers: {
      accept: 'application/json',
      ...(await authorization(job)),
      ...(method === 'POST' && { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(method === 'POST' && { body: form.toString() }),
    signal,
    resources,
    largest: largest ?? LARGEST_MESSAGE,
  };
}

/** Source: https://docs.splunk.com/Documentation/Splunk/latest/RESTUM/RESTusing#Authentication_and_authorization */
async function authorization(job: SplunkJob): Promise<Record<string, string>> {
  const { settings, signal, resources, hide } = job;
  if (settings.token !== undefined) return { authorization: `Bearer ${settings.token.reveal()}` };
  if (settings.username === undefined) return {};
  const key = await resources
    .of(Tokens)
    .for(credentialsOf(settings), (limit) => login(settings, limit, resources), signal);
  hide(key);
  return { authorization: `Splunk ${key.reveal()}` };
}

/** A session that Splunk has ended isn't used again. @returns true when there was one */
function forgetsSession({ settings, resources }: SplunkJob, { status }: HttpAnswer): boolean {
  if (status !== UNKNOWN || settings.token !== undefined || settings.username === undefined) return false;
  resources.of(Tokens).forget(credentialsOf(settings));
  return true;
}

function credentialsOf({ url, username, password }: SplunkSettings): unknown[] {
  return ['splunk', url, username, password?.reveal()];
}

/** Source: https://docs.splunk.com/Documentation/Splunk/latest/RESTREF/RESTaccess#auth.2Flogin */
async function login(settings: SplunkSettings, signal: AbortSignal, resources: Resources): Promise<Token> {
  const { url, username = '', password } = settings;
  const answer = await send(settings, {
    method: 'POST',
    url: new URL('services/auth/login', url.replace(/\/?$/, '/')),
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      username,
      password: password?.reveal() ?? '',
      output_mode: 'json',
    }).toString(),
    signal,
    resources,
    largest: LARGEST_TOKEN,
  });
  const { sessionKey } = Object(readJson(answer.pieces)) as { sessionKey?: unknown };
  if (answer.status === 200 && typeof sessionKey === 'string' && sessionKey !== '')
    return { secret: new Secret(sessionKey), expiresAt: Date.now() + SESSION_MS };
  throw (
    credentialRefusal('Splunk', answer.status) ??
    new CellError(`Splunk gave no session for the connection's username: ${statusLine(answer.status)}.`)
  );
}
