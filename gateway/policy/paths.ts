import { GatewayError } from '../errors.js';
import { type Passage, passages, type RequestRow, type SharedRow, type SocketRow } from './passes.js';

/**
 * The row that a request is about.
 *
 * @param path below Jupyter's base path, starting with `/`, percent-encoding as sent
 * @returns undefined where no row fits
 * @throws {GatewayError} BAD_PATH when the encoding can't be read
 */
export function requestRowOf(method: string, path: string): RequestRow | SharedRow | undefined {
  return find(requests, path, method);
}

/** The row that a websocket is about. @throws {GatewayError} BAD_PATH */
export function socketRowOf(path: string): SocketRow | SharedRow | undefined {
  return find(sockets, path);
}

/** @throws {GatewayError} BAD_PATH */
export function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new GatewayError('BAD_PATH', undefined, { cause });
  }
}

interface Indexed<Row> {
  readonly row: Row;
  readonly segments: readonly string[];
}
/** Rows by the first segment of their paths, in their order: seventy rows would be a long way for each request. */
type Index<Row> = ReadonlyMap<string, readonly Indexed<Row>[]>;

const requests = indexOf(passages.filter((row) => row.over !== 'websocket'));
const sockets = indexOf(passages.filter((row) => row.over !== 'http'));

function indexOf<Row extends Passage>(rows: readonly Row[]): Index<Row> {
  const index = new Map<string, Indexed<Row>[]>();
  for (const row of rows) {
    const segments = segmentsOf(row.path);
    const [first = ''] = segments;
    const known = index.get(first) ?? [];
    known.push({ row, segments });
    index.set(first, known);
  }
  return index;
}

function find<Row extends Passage>(index: Index<Row>, path: string, method?: string): Row | undefined {
  const segments = segmentsOf(decode(path));
  const rows = index.get(segments[0] ?? '');
  return rows?.find(
    ({ row: { methods }, segments: pattern }) =>
      (method === undefined || methods === undefined || methods.includes(method)) &&
      matches(pattern, segments),
  )?.row;
}

/**
 * Wider than Jupyter's own routing, so that no spelling dodges a rule: empty segments, a slash at the end, letter case
 * and path parameters (`;…`) don't count, and a backslash is a slash.
 */
function segmentsOf(path: string): readonly string[] {
  return path
    .toLowerCase()
    .split(/[/\\]/)
    .map((segment) => segment.replace(/;.*$/s, '').trim())
    .filter((segment) => segment !== '');
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  const open = pattern.at(-1) === '**';
  const fixed = open ? pattern.slice(0, -1) : pattern;
  if (open ? segments.length < fixed.length : segments.length !== fixed.length) return false;
  return fixed.every((part, index) => part === '*' || part === segments[index]);
}
