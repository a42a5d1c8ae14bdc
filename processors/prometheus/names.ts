import type { Pieces } from '../core/apart.js';
import { oneApart, textOf } from '../core/apart.js';
import { askForPieces, type ServiceJob } from '../http/service.js';
import { readAnswer } from './answer.js';
import { namesLike } from './metric-names.js';

/** Names that are kept of one answer, and the largest answer that is read, in bytes. */
export const MOST_NAMES = 20_000;
const LARGEST = 8 * 1024 * 1024;
/** The longest name, and the most that the gateway keeps of all names together, in characters. */
const LONGEST_NAME = 1_000;
const MOST_CHARACTERS = 1024 * 1024;
/** Names are those from an hour before, in seconds: a large server takes long for all of its history. */
const LOOK_BACK = 3_600;

/** What is asked for: https://prometheus.io/docs/prometheus/latest/querying/api/#querying-metadata */
export interface NamesAsked {
  readonly path: string;
  /** Seconds since 1970. */
  readonly from: number;
  /** A selector. */
  readonly match?: string | undefined;
}

/**
 * Names of metrics, labels or values. They are read apart: a service may answer with anything.
 *
 * @throws {CellError} @throws {Error} where there is no answer
 */
export function namesOf(job: ServiceJob, asked: NamesAsked): Promise<readonly string[]> {
  return read<readonly string[]>(job, asked, 'readNames', {});
}

/** What is known of a query's metrics that don't exist. */
export interface Missing {
  readonly name: string;
  /** Names that may have been meant. */
  readonly like: readonly string[];
}

/** @returns none where the list of names is empty or was cut: a missing name means nothing then */
export function missingOf(
  job: ServiceJob,
  asked: NamesAsked,
  metrics: readonly string[],
  most: number,
): Promise<readonly Missing[]> {
  return read<readonly Missing[]>(job, asked, 'readMissing', { metrics, most });
}

interface Read {
  readonly status: number;
  readonly metrics: readonly string[];
  readonly most: number;
}

/** A work for `apart`. @throws {CellError} */
export function* readNames(pieces: Pieces, argument: unknown): Generator<readonly string[]> {
  yield bounded(namesIn(pieces, argument));
}

/** As many of a service's names as the gateway keeps. */
export function bounded(names: readonly string[]): readonly string[] {
  let left = MOST_CHARACTERS;
  return names.slice(0, MOST_NAMES).filter((name) => {
    if (name.length > LONGEST_NAME) return false;
    left -= name.length;
    return left >= 0;
  });
}

/** As it is written between quotes: https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals */
export function escapedFor(quote: string, value: string): string {
  if (quote === '`') return value;
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll(quote, `\\${quote}`);
}

/** A work for `apart`: to compare names takes long too. @throws {CellError} */
export function* readMissing(pieces: Pieces, argument: unknown): Generator<readonly Missing[]> {
  const { metrics, most } = argument as Read;
  const known = namesIn(pieces, argument);
  if (known.length === 0 || known.length >= MOST_NAMES) return yield [];
  const has = new Set(known);
  const missing = metrics.filter((name) => !has.has(name)).slice(0, most);
  yield missing.map((name) => ({ name, like: namesLike(name, known) }));
}

async function read<Result>(
  job: ServiceJob,
  { path, from, match }: NamesAsked,
  name: string,
  more: Partial<Read>,
): Promise<Result> {
  const parameters = new URLSearchParams({
    limit: String(MOST_NAMES),
    start: String(Math.floor(from) - LOOK_BACK),
  });
  if (match !== undefined) parameters.set('match[]', match);
  const { status, pieces } = await askForPieces(job, { method: 'GET', path, parameters, largest: LARGEST });
  const argument = { status, ...more };
  return oneApart<Result>(pieces, { module: new URL(import.meta.url), name, argument }, job.signal);
}

function namesIn(pieces: Pieces, argument: unknown): string[] {
  const { status } = argument as Read;
  const { data } = readAnswer({ status, body: textOf(pieces) });
  return Array.isArray(data) ? data.filter((name): name is string => typeof name === 'string') : [];
}
