import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { unescape as percentDecode } from 'node:querystring';
import { buffer } from 'node:stream/consumers';
import { type Dispatcher, request } from 'undici';
import { bounded } from '../../processors/core/bounded.js';
import type { Environment } from '../../processors/core/environment.js';
import { isLinkLocal } from '../../processors/core/link-local.js';
import { bareHost } from '../../processors/core/loopback.js';
import { CellError } from '../../processors/core/processor.js';
import { Dispatchers } from '../../processors/http/dispatcher.js';
import type { NotebookPlace } from '../config.js';
import { codeOf } from '../error-code.js';
import { RunProblem } from './problem.js';

/** The largest notebook that is read, in bytes: with its outputs it is kept in memory as text. */
const LARGEST = 100 * 1024 * 1024;
/** How long a web server may take, redirects included, in milliseconds. */
const PATIENCE_MS = 60_000;
const MOST_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * @param environment names the proxies to the web
 * @throws {RunProblem} saying why it can't be read
 */
export async function readNotebook(place: NotebookPlace, environment: Environment): Promise<string> {
  if (place.kind === 'web') {
    const dispatchers = new Dispatchers(environment);
    return download(place.url, dispatchers).finally(() => dispatchers.close());
  }
  const { path } = place;
  try {
    const stats = await stat(path);
    // A device or a pipe may give without end, or never.
    if (!stats.isFile()) throw new RunProblem('settings', `The notebook ${path} is not a file.`);
    if (stats.size > LARGEST) throw tooLarge();
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof RunProblem) throw error;
    const code = codeOf(error) ?? 'unreadable';
    throw new RunProblem('settings', `The notebook ${path} can't be read (${code}).`, { cause: error });
  }
}

/** Where the executed notebook goes: beside its source, or into the working directory when that is on the web. */
export function outputFor(place: NotebookPlace, chosen: string | undefined): string {
  if (chosen !== undefined) return resolve(chosen);
  const path = place.kind === 'file' ? place.path : resolve(nameOf(place.url));
  return join(dirname(path), `${basename(path, extname(path))}.executed.ipynb`);
}

/** The report's file: the notebook's, with another ending. */
export function reportFor(output: string): string {
  return join(dirname(output), `${basename(output, extname(output))}.html`);
}

function nameOf({ pathname }: URL): string {
  const name = basename(pathname).replace(/[^\w.-]/g, '_');
  return /^\.*$/.test(name) ? 'notebook.ipynb' : name;
}

/**
 * A URL's user and password, and whatever its query holds, go to the host that it names, and stand in no message. A
 * redirect is followed without them.
 */
async function download(first: URL, dispatchers: Dispatchers): Promise<string> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  let url = first;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const answer = await ask(url, signal, dispatchers);
    const { location } = answer.headers;
    if (REDIRECTS.has(answer.statusCode) && typeof location === 'string') {
      answer.body.on('error', () => {}).destroy();
      url = nextOf(url, location);
      continue;
    }
    if (answer.statusCode !== 200) {
      answer.body.on('error', () => {}).destroy();
      throw failed(url, `it answered ${answer.statusCode}`);
    }
    return (
      await buffer(bounded(answer.body, LARGEST, tooLarge)).catch((cause: unknown) => {
        throw cause instanceof RunProblem ? cause : failed(url, reasonOf(cause), cause);
      })
    ).toString('utf8');
  }
  throw failed(first, `it redirects more than ${MOST_REDIRECTS} times`);
}

async function ask(
  url: URL,
  signal: AbortSignal,
  dispatchers: Dispatchers,
): Promise<Dispatcher.ResponseData> {
  refuseLinkLocal(url);
  const target = new URL(url);
  target.username = target.password = '';
  try {
    const { dispatcher } = dispatchers.for({ url: target.href });
    const headers = { 'user-agent': 'spin-runtime', ...credentialOf(url) };
    return await request(target, { dispatcher, headers, signal });
  } catch (cause) {
    // The environment's proxy settings are wrong.
    if (cause instanceof CellError) throw new RunProblem('settings', cause.message, { cause });
    throw failed(url, reasonOf(cause), cause);
  }
}

/** @throws {RunProblem} for a step from https to http, which would give up what https had promised */
function nextOf(from: URL, location: string): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (
    next === undefined ||
    !/^https?:$/.test(next.protocol) ||
    (from.protocol === 'https:' && next.protocol === 'http:')
  )
    throw failed(from, 'it redirects to an address that is not followed');
  next.username = next.password = '';
  return next;
}

function credentialOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  // A `%` that escapes nothing is a plain `%`.
  const pair = `${percentDecode(username)}:${percentDecode(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** Names are checked when they are looked up; an address in the URL is checked here. */
function refuseLinkLocal(url: URL): void {
  const host = bareHost(url.hostname);
  if (isIP(host) !== 0 && isLinkLocal(host)) throw failed(url, 'it is a link-local address');
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code === 'LINK_LOCAL') return 'it is a link-local address';
  if (error instanceof Error && error.name === 'TimeoutError')
    return `no answer within ${PATIENCE_MS / 1000} s`;
  return code ?? 'the connection failed';
}

function failed({ host }: URL, why: string, cause?: unknown): RunProblem {
  return new RunProblem('settings', `The notebook cannot be fetched from ${host}: ${why}.`, { cause });
}

function tooLarge(): RunProblem {
  return new RunProblem(
    'settings',
    `The notebook is larger than ${LARGEST / 1024 ** 2} MiB: clear its outputs.`,
  );
}
