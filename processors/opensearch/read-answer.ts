import type { Pieces } from '../core/apart.js';
import type { Page } from '../core/pages.js';
import { tableOfRecords } from '../core/records.js';
import { readAnswer, remarksOf } from './answer.js';

export interface ReadArgument {
  readonly status: number;
  /** The first segment of the path with an underscore, e.g. `_cat`. */
  readonly what: string;
}

/** A work for `apart`: a list as a table, a count as a number, anything else as it is. */
export function* readRest(pieces: Pieces, argument: unknown): Generator<Page> {
  const { status, what } = argument as ReadArgument;
  const json = readAnswer(pieces, status);
  if (Array.isArray(json)) yield* tableOfRecords(json);
  else if (what === '_count') yield* tableOfRecords([{ count: json.count ?? null }]);
  else yield { kind: 'content', mediaType: 'application/json', charset: 'utf-8', data: pieces };
  yield { kind: 'end', note: remarksOf(json).join(' ') };
}
