import type { Page } from '../core/pages.js';
import { CellError, type Limits } from '../core/processor.js';
import type { Resources } from '../core/resources.js';
import { Secret } from '../core/secret.js';
import { credentialRefusal, NOT_ALLOWED } from '../http/credential-refusal.js';
import type { Place } from '../http/dispatcher.js';
import { readJson } from '../http/json.js';
import { sendPatiently } from '../http/retry.js';
import { beginningOf, type HttpAnswer, type HttpRequest, type OpenAnswer, open, send } from '../http/send.js';
import { statusLine } from '../http/status-line.js';

export interface JenkinsSettings extends Place {
  readonly username?: string | undefined;
  readonly token?: Secret | undefined;
  readonly read_only: boolean;
}

/** As much of a cell's job, or of a connection's test, as a request takes. */
export interface JenkinsJob {
  readonly settings: JenkinsSettings;
  readonly signal: AbortSignal;
  readonly resources: Resources;
  readonly hide: Limits['hide'];
}

/** A list of thousands of jobs is a few MiB; in bytes. */
const LARGEST = 32 * 1024 * 1024;
const LARGEST_MESSAGE = 1024 * 1024;

/**
 * Reads by GET: a read needs no crumb then, which is what a Jenkins refuses most often.
 *
 * @param path below the connection's URL, encoded: `job/app/`
 * @param tree the members that are wanted; never `depth`, which reads whole builds from Jenkins's disk
 */
export async function* readJenkins(
  job: JenkinsJob & Pick<Limits, 'endsAt'>,
  path: string,
  tree: string,
): AsyncGenerator<Page, HttpAnswer> {
  const request = requestOf(job, 'GET', apiOf(path, tree));
  return permitted(yield* sendPatiently(job.settings, request, job.endsAt));
}

/** The same, asked once. */
export async function askJenkins(job: JenkinsJob, path: string, tree: string): Promise<HttpAnswer> {
  return permitted(await send(job.settings, requestOf(job, 'GET', apiOf(path, tree))));
}

/** A text that is read as it comes. @param path with its query */
export async function openJenkins(job: JenkinsJob, path: string): Promise<OpenAnswer> {
  return open(job.settings, requestOf(job, 'GET', path));
}

/**
 * Writes: with a crumb where this Jenkins issues them, which is bound to the session whose cookie comes with it. Sent once.
 * Source: https://www.jenkins.io/doc/book/security/csrf-protection/
 *
 * @returns any answer that says that it was done, a redirect too: older versions answer so
 * @throws {CellError} for one that refuses
 */
export async function postJenkins(
  job: JenkinsJob,
  path: string,
  parameters?: ReadonlyMap<string, string>,
): Promise<HttpAnswer> {
  const crumb = await crumbFor(job);
  const base = requestOf(job, 'POST', path);
  const form = new URLSearchParams([...(parameters ?? [])]);
  const answer = await send(job.settings, {
    ...base,
    headers: { ...base.headers, ...crumb, 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
    takesRedirects: true,
  });
  if (answer.status === NOT_ALLOWED && /valid crumb/i.test(beginningOf(answer, LARGEST_MESSAGE)))
    throw new CellError(
      "Jenkins does not take its own crumb from this connection. Use an API token of the user as the connection's token, not a password.",
    );
  permitted(answer);
  if (answer.status >= 400)
    throw new CellError(
      answer.status === 404
        ? 'Jenkins knows no such job or build, or the connection may not see it.'
        : `Jenkins answered ${statusLine(answer.status)}.`,
    );
  return answer;
}

/**
 * What Jenkins's JSON says.
 * @param what names it in the sentence for one that isn't there: `the job team/app`
 * @throws {CellError} for an answer that isn't Jenkins's, or that refuses
 */
export function jsonOf(answer: HttpAnswer, what: string): Readonly<Record<string, unknown>> {
  refuseStatus(answer.status, what);
  const json = readJson(answer.pieces);
  if (typeof json !== 'object' || json === null)
    throw new CellError(
      `The answer (${statusLine(answer.status)}) is not from Jenkins: is the connection's url right?`,
    );
  return json as Readonly<Record<string, unknown>>;
}

export function refuseStatus(status: number, what: string): void {
  if (status === 404)
    throw new CellError(`Jenkins has no ${what}, or the connection's user may not see it (permission).`);
  if (status >= 400)
    throw new CellError(`Jenkins answered ${statusLine(status)} when it was asked for ${what}.`);
}

function permitted(answer: HttpAnswer): HttpAnswer {
  const refused = credentialRefusal('Jenkins', answer.status);
  if (refused !== undefined) throw refused;
  return answer;
}

function apiOf(path: string, tree: string): string {
  return `${path}api/json?${new URLSearchParams({ tree })}`;
}

function requestOf(job: JenkinsJob, method: 'GET' | 'POST', path: string): HttpRequest {
  const { settings, signal, resources, hide } = job;
  const { username, token } = settings;
  const headers: Record<string, string> = { accept: 'application/json' };
  if (username !== undefined) {
    const pair = new Secret(Buffer.from(`${username}:${token?.reveal() ?? ''}`).toString('base64'));
    hide(pair);
    headers.authorization = `Basic ${pair.reveal()}`;
  }
  const url = new URL(path, settings.url.replace(/\/?$/, '/'));
  return { method, url, headers, signal, resources, largest: LARGEST };
}

/** @returns headers; none where this Jenkins issues no crumbs (404) */
async function crumbFor(job: JenkinsJob): Promise<Record<string, string>> {
  const answer = permitted(await send(job.settings, requestOf(job, 'GET', 'crumbIssuer/api/json')));
  if (answer.status === 404) return {};
  const { crumb, crumbRequestField } = jsonOf(answer, 'crumb');
  if (typeof crumb !== 'string' || !/^[\w-]+$/.test(String(crumbRequestField)) || /[^\x21-\x7e]/.test(crumb))
    throw new CellError("Jenkins's answer about its crumb is not one: is the connection's url right?");
  const cookies = cookiesIn(answer.headers['set-cookie'] ?? '');
  for (const secret of [crumb, ...cookies.map((cookie) => cookie.slice(cookie.indexOf('=') + 1))])
    if (secret !== '') job.hide(new Secret(secret));
  return { [String(crumbRequestField)]: crumb, ...(cookies.length > 0 && { cookie: cookies.join('; ') }) };
}

/** `NAME=value` of each cookie that is set; several headers come joined by commas, which dates contain too. */
function cookiesIn(header: string): string[] {
  return header
    .split(/,(?=\s{0,9}[\w.$!#%&'*+^|~-]{1,256}=)/)
    .map((each) => (each.split(';')[0] ?? '').trim())
    .filter((each) => /^[\w.$!#%&'*+^|~-]+=[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/.test(each));
}
