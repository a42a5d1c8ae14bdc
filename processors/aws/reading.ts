import { type Pieces, sizeOf, textOf } from '../core/apart.js';
import { exactJson } from '../core/exact-json.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { tableOfBatches } from '../core/records.js';
import { readJson } from '../http/json.js';
import { parseXml } from '../http/xml.js';
import { jsonIn, ordered, shownRecord, timesIn, withTimes } from './values.js';

/** How an answer is written, and where its list and the mark of its next page are. */
export interface Format {
  readonly isXml: boolean;
  readonly list: readonly string[];
  readonly token: string;
  /** Of the action, for a sentence. */
  readonly action: string;
}

export interface ListRead {
  readonly rows: number;
  /** The mark of the next page. */
  readonly token: string | undefined;
  /** What the answer says of things that it couldn't find. */
  readonly failures: readonly string[];
}

/** XML of AWS takes some twenty times its size in memory while it is read. */
const LARGEST_XML = 16 * 1024 * 1024;
const MOST_FAILURES = 5;

/** A work for `apart`. @throws {CellError} */
export function* readList(pieces: Pieces, argument: unknown): Generator<ListRead> {
  const format = argument as Format;
  const answer = read(pieces, format);
  const token = Object(answer)[format.token];
  yield {
    rows: recordsIn(answer, format.list).length,
    token: typeof token === 'string' && token !== '' ? token : undefined,
    failures: failuresIn(answer),
  };
}

/** A work for `apart`: the lists of several answers as one table. */
export function* tableOfLists(pieces: Pieces, argument: unknown): Generator<Page> {
  const { format, sizes } = argument as { format: Format; sizes: readonly number[] };
  const bytes = Buffer.concat(pieces, sizeOf(pieces));
  function* batches(): Generator<unknown[]> {
    let start = 0;
    for (const size of sizes) {
      const answer = read([bytes.subarray(start, start + size)], format);
      yield recordsIn(answer, format.list).map((record) => ordered(shownRecord(record), format.action));
      start += size;
    }
  }
  const times = timesIn(batches());
  yield* tableOfBatches(
    function* () {
      for (const records of batches()) yield records.map((record) => withTimes(record, times));
    },
    {
      isLast: (column) => /^Tags(?:\.(?!Name$)|$)/.test(column) || /(?:Arn|ARN)s?$/.test(column),
      types: Object.fromEntries([...times].map((name) => [name, 'time' as const])),
    },
  );
}

/** A work for `apart`: an answer that is one object, as a tree. */
export function* treeOf(pieces: Pieces, argument: unknown): Generator<Page> {
  const answer = read(pieces, argument as Format);
  yield {
    kind: 'content',
    mediaType: 'application/json',
    charset: 'utf-8',
    data: Buffer.from(exactJson(shownRecord(answer))),
  };
}

function read(pieces: Pieces, { isXml, action }: Format): unknown {
  const answer = isXml ? xmlIn(pieces, action) : readJson(pieces);
  if (typeof answer !== 'object' || answer === null)
    throw new CellError(`The answer to ${action} is not from AWS: is the connection's url right?`);
  return answer;
}

/** Query actions have their result in an element of its own, beside what the request was. */
function xmlIn(pieces: Pieces, action: string): unknown {
  if (sizeOf(pieces) > LARGEST_XML)
    throw new CellError(
      `The answer is larger than ${LARGEST_XML / 1024 ** 2} MiB in one piece. Ask for less.`,
    );
  const root = parseXml(textOf(pieces));
  if (root?.name !== `${action}Response`) return undefined;
  const result = root.children.find(({ name }) => name === `${action}Result`) ?? root;
  const value = jsonIn(result);
  const { requestId: _, ResponseMetadata: __, ...members } = Object(value) as Record<string, unknown>;
  return members;
}

function recordsIn(answer: unknown, path: readonly string[]): unknown[] {
  return path.reduce<unknown[]>(
    (items, name) =>
      items.flatMap((item) => {
        const value: unknown = Object(item)[name];
        return Array.isArray(value) ? value : [];
      }),
    [answer],
  );
}

/** ECS answers 200 and says what isn't there beside it. */
function failuresIn(answer: unknown): string[] {
  const { failures } = Object(answer) as { failures?: unknown };
  if (!Array.isArray(failures)) return [];
  return failures.slice(0, MOST_FAILURES).map((failure) => {
    const { arn, reason } = Object(failure) as Record<string, unknown>;
    return `${String(arn ?? '')}: ${String(reason ?? 'not found')}`;
  });
}
