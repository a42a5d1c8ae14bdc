import { type Pieces, sizeOf } from '../core/apart.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { tableOfBatches } from '../core/records.js';
import { graphqlProblem, pathToResult } from '../http/graphql.js';
import { readJson } from '../http/json.js';
import { pathToItems } from '../http/pagination.js';

/** What an answer says of itself. */
export interface GithubList {
  /** Where its list is. */
  readonly at: readonly string[];
  /** Items of that list. */
  readonly rows: number;
}

export interface GithubGraphql extends GithubList {
  readonly problem: string | undefined;
  /** Where the next page begins. */
  readonly cursor: string | undefined;
}

/** Several answers as one: how many bytes each has, and where its list is. */
export interface Answers {
  readonly parts: readonly { readonly size: number; readonly at: readonly string[] }[];
}

/** Links of the API to itself: they come last in a table. */
const isLink = (column: string) =>
  /(?:^|[._])url$|node_id$|gravatar_id$/.test(column) && column !== 'html_url';

/** A work for `apart`: nothing when the answer is no list, and needn't be. */
export function* readList(pieces: Pieces, argument: unknown): Generator<GithubList | undefined> {
  const { status, isPaginated } = argument as { status: string; isPaginated: boolean };
  const json = jsonOf(pieces, status);
  const isList = Array.isArray(json) || Array.isArray(Object(json).items);
  if (!isPaginated && !isList) return yield undefined;
  const at = pathToItems(json);
  yield { at, rows: listAt(json, at).length };
}

/** A work for `apart`. */
export function* readGraphql(pieces: Pieces, argument: unknown): Generator<GithubGraphql> {
  const json = jsonOf(pieces, (argument as { status: string }).status);
  const at = pathToResult(json);
  yield { at, rows: listAt(json, at).length, problem: graphqlProblem(json), cursor: cursorIn(json) };
}

/** A work for `apart`: the lists of all answers as one table. */
export function* tableOfAnswers(pieces: Pieces, argument: unknown): Generator<Page> {
  const { parts } = argument as Answers;
  const bytes = Buffer.concat(pieces, sizeOf(pieces));
  yield* tableOfBatches(
    function* () {
      let start = 0;
      for (const { size, at } of parts) {
        yield listAt(readJson([bytes.subarray(start, start + size)]), at);
        start += size;
      }
    },
    { isLast: isLink },
  );
}

function jsonOf(pieces: Pieces, status: string): unknown {
  const json = readJson(pieces);
  if (json === undefined)
    throw new CellError(`The answer (${status}) is not from GitHub: is the connection's url right?`);
  return json;
}

function listAt(json: unknown, path: readonly string[]): readonly unknown[] {
  const value = path.reduce<unknown>((each, key) => Object(each)[key], json);
  return Array.isArray(value) ? value : [];
}

function cursorIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { hasNextPage, endCursor } = value as { hasNextPage?: unknown; endCursor?: unknown };
  if (hasNextPage === true && typeof endCursor === 'string') return endCursor;
  for (const each of Object.values(value)) {
    const found = Array.isArray(each) ? undefined : cursorIn(each);
    if (found !== undefined) return found;
  }
  return undefined;
}
