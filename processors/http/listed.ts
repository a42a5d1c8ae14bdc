import { apart, oneApart, type Pieces, sizeOf } from '../core/apart.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { tableOfBatches } from '../core/records.js';
import { readJson } from './json.js';
import type { HttpAnswer } from './send.js';

/** Where an answer has its list and the mark of its next page. */
export interface ListShape {
  readonly list: string;
  readonly token: string;
  /** Who should have answered, for a sentence. */
  readonly service: string;
}

export interface ListedPage {
  readonly rows: number;
  /** The mark of the next page. */
  readonly token: string | undefined;
  /** The answer's other members that are text, numbers or booleans. */
  readonly others: Readonly<Record<string, unknown>>;
}

/** So many pages, and bytes of them, become one table. */
const MOST_PAGES = 100;
const MOST_BYTES = 64 * 1024 * 1024;
const LONGEST_OTHER = 1_000;
const MOST_OTHERS = 20;

/** Pages of one list as they come; read apart, and kept as bytes, which take less than what can be read of them. */
export class Listed {
  readonly #shape: ListShape;
  readonly #pieces: Uint8Array[] = [];
  readonly #sizes: number[] = [];
  #bytes = 0;
  rows = 0;

  constructor(shape: ListShape) {
    this.#shape = shape;
  }

  get isFull(): boolean {
    return this.#sizes.length >= MOST_PAGES || this.#bytes >= MOST_BYTES;
  }

  /** @throws {CellError} for an answer that isn't the service's */
  async add({ pieces, size }: HttpAnswer, signal: AbortSignal): Promise<ListedPage> {
    const work = { module: new URL(import.meta.url), name: 'readListed', argument: this.#shape };
    const page = await oneApart<ListedPage>(pieces, work, signal);
    this.#pieces.push(...pieces);
    this.#sizes.push(size);
    this.#bytes += size;
    this.rows += page.rows;
    return page;
  }

  table(signal: AbortSignal): AsyncGenerator<Page> {
    const argument = { shape: this.#shape, sizes: this.#sizes };
    return apart<Page>(
      this.#pieces,
      { module: new URL(import.meta.url), name: 'tableOfListed', argument },
      signal,
    );
  }
}

/** A work for `apart`. @throws {CellError} */
export function* readListed(pieces: Pieces, argument: unknown): Generator<ListedPage> {
  const shape = argument as ListShape;
  const answer = Object(readJson(pieces)) as Record<string, unknown>;
  const { length } = listIn(answer, shape);
  const token = answer[shape.token];
  yield {
    rows: length,
    token: typeof token === 'string' && token !== '' ? token : undefined,
    others: Object.fromEntries(
      Object.entries(answer)
        .filter(([, value]) => typeof value !== 'object' && String(value).length <= LONGEST_OTHER)
        .slice(0, MOST_OTHERS),
    ),
  };
}

/** A work for `apart`. */
export function* tableOfListed(pieces: Pieces, argument: unknown): Generator<Page> {
  const { shape, sizes } = argument as { shape: ListShape; sizes: readonly number[] };
  const bytes = Buffer.concat(pieces, sizeOf(pieces));
  yield* tableOfBatches(function* () {
    let start = 0;
    for (const size of sizes) {
      yield listIn(Object(readJson([bytes.subarray(start, start + size)])), shape);
      start += size;
    }
  });
}

/** A list that is empty may be left out. */
function listIn(
  answer: Readonly<Record<string, unknown>>,
  { list, service, token }: ListShape,
): readonly unknown[] {
  const value = answer[list];
  if (Array.isArray(value)) return value;
  if (value === undefined && (token in answer || Object.keys(answer).length === 0)) return [];
  throw new CellError(`The answer is not from ${service}: is the connection's url right?`);
}
