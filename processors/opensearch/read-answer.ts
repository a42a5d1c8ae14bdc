import type { Pieces } from '../core/apart.js';
import type { Page } from '../core/pages.js';
import { tableOfRecords } from '../core/records.js';
import { readAnswer, remarksOf } from './answer.js';
import { type Found, readHits } from './hits.js';

export interface ReadArgument {
  readonly status: number;
  /** The first segment of the path with an underscore, e.g. `_cat`. */
  readonly what: string;
}

/** The window of one search. */
const MOST_HITS = 10_000;

/** A work for `apart`: hits as a table, a list as a table, a count as a number, anything else as it is. */
export function* readRest(pieces: Pieces, argument: unknown): Generator<Page> {
  const { status, what } = argument as ReadArgument;
  if (what === '_search') {
    yield* hitsOf(pieces, status);
    return;
  }
  const json = readAnswer(pieces, status);
  if (Array.isArray(json)) yield* tableOfRecords(json);
  else if (what === '_count') yield* tableOfRecords([{ count: json.count ?? null }]);
  else yield { kind: 'content', mediaType: 'application/json', charset: 'utf-8', data: pieces };
  yield { kind: 'end', note: remarksOf(json).join(' ') };
}

function* hitsOf(pieces: Pieces, status: number): Generator<Page> {
  const argument = { status, time: '@timestamp', most: MOST_HITS, goesOn: false, title: '' };
  let found: Found | undefined;
  for (const part of readHits(pieces, argument)) {
    if (part.kind === 'found') {
      found = part;
      yield { kind: 'columns', columns: part.columns };
    } else yield part;
  }
  const notes = [aboutHits(found), ...(found?.remarks ?? [])].filter((each) => each !== '');
  yield { kind: 'end', note: notes.join(' ') };
}

function aboutHits(found: Found | undefined): string {
  if (found === undefined) return '';
  const { rows, total } = found;
  if (rows === 0) return 'No document matches.';
  if (total === undefined || (total.value <= rows && !total.isAtLeast)) return '';
  const all = `${total.isAtLeast ? 'at least ' : ''}${total.value.toLocaleString('en')}`;
  return `Only the first ${rows.toLocaleString('en')} of ${all} hits: get more with size= in the path.`;
}
