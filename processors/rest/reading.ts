import type { Pieces } from '../core/apart.js';
import { CellError } from '../core/processor.js';
import { graphqlProblem, pathToResult } from '../http/graphql.js';
import { readJson } from '../http/json.js';
import { nextPage, type Pagination, pathToItems } from '../http/pagination.js';

/** What a page of a list says of itself. */
export interface ListPage {
  /** Where its items are. */
  readonly at: readonly string[];
  /** URL of the page after it. */
  readonly next: string | undefined;
}

export interface GraphqlAnswer {
  readonly at: readonly string[];
  readonly problem: string | undefined;
}

interface Asked {
  /** Of the answer: `HTTP 200 OK` */
  readonly status: string;
  readonly pagination: Pagination;
  /** URL of the connection. */
  readonly base: string;
  /** URL of the answer. */
  readonly url: string;
  /** Its Link header. */
  readonly link: string | undefined;
}

/** A work for `apart`. @throws {CellError} */
export function* readPage(pieces: Pieces, argument: unknown): Generator<ListPage> {
  const { status, pagination, base, url, link } = argument as Asked;
  const json = jsonOf(pieces, status);
  const next = nextPage(pagination, base, new URL(url), link, json);
  yield { at: pathToItems(json), next: next?.href };
}

/** A work for `apart`. @throws {CellError} */
export function* readGraphql(pieces: Pieces, argument: unknown): Generator<GraphqlAnswer> {
  const json = jsonOf(pieces, (argument as Asked).status);
  yield { at: pathToResult(json), problem: graphqlProblem(json) };
}

function jsonOf(pieces: Pieces, status: string): unknown {
  const json = readJson(pieces);
  if (json === undefined) throw new CellError(`The answer (${status}) is not JSON.`);
  return json;
}
