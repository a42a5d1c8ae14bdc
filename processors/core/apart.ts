import { setImmediate as breathe } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { CellError } from './cell-error.js';

/** The input of the work: bytes as they came, in any number of pieces. */
export type Pieces = readonly Uint8Array[];

/** Work for a separate thread: exported by a module, by name. Its arguments and results are copied. */
export interface Work {
  readonly module: URL;
  /** Of a function `(pieces, argument) => Iterable`. */
  readonly name: string;
  readonly argument: unknown;
}

/** Up to this size work is done at once: it then takes some milliseconds, where a thread takes forty to start. */
const SMALL_BYTES = 192 * 1024;

/** So many bytes are copied to a thread in one go. */
const BATCH_BYTES = 2 * 1024 * 1024;

/** A machine has few processors, and others work on it too. */
const MOST_THREADS = 2;

/** The memory that JavaScript's objects of one thread may take. */
const LARGEST_HEAP_MIB = 1024;

let threads = 0;
const waiting: (() => void)[] = [];

/**
 * Does long work with a large answer in a separate thread: the gateway's own thread serves all clients.
 *
 * @returns what the work yields, one by one, as they are asked for
 * @throws {CellError} of the work, or that it takes too much memory
 */
export async function* apart<Result>(
  pieces: Pieces,
  work: Work,
  signal: AbortSignal,
): AsyncGenerator<Result, void> {
  if (isSmall(pieces)) {
    const module = (await import(work.module.href)) as Record<string, Doing<Result>>;
    yield* module[work.name]?.(pieces, work.argument) ?? [];
    return;
  }
  await turn(signal);
  try {
    yield* inThread<Result>(pieces, work, signal);
  } finally {
    threads -= 1;
    waiting.shift()?.();
  }
}

/** The only result of such a work. */
export async function oneApart<Result>(pieces: Pieces, work: Work, signal: AbortSignal): Promise<Result> {
  for await (const result of apart<Result>(pieces, work, signal)) return result;
  throw new TypeError(`${work.name} gives no result`);
}

/** True for an input that {@link apart} works on at once. */
export function isSmall(pieces: Pieces): boolean {
  return sizeOf(pieces) <= SMALL_BYTES;
}

export function sizeOf(pieces: Pieces): number {
  return pieces.reduce((size, { length }) => size + length, 0);
}

/** @returns the text of the pieces, in UTF-8 */
export function textOf(pieces: Pieces): string {
  return Buffer.concat(pieces, sizeOf(pieces)).toString();
}

/** How a module does a work. */
export type Doing<Result> = (pieces: Pieces, argument: unknown) => Iterable<Result>;

/** A thread's answer when it was asked for the next result. */
export type Said =
  | { readonly result: unknown }
  | { readonly done: true }
  /** A sentence for the cell's author. */
  | { readonly refused: string }
  /** The name of an error inside the work. */
  | { readonly failed: string };

async function turn(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  while (threads >= MOST_THREADS) {
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        waiting.splice(waiting.indexOf(go), 1);
        reject(signal.reason);
      };
      const go = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      signal.addEventListener('abort', leave, { once: true });
      waiting.push(go);
    });
  }
  threads += 1;
}

async function* inThread<Result>(
  pieces: Pieces,
  { module, name, argument }: Work,
  signal: AbortSignal,
): AsyncGenerator<Result, void> {
  const worker = new Worker(new URL('./apart-thread.js', import.meta.url), {
    workerData: { module: module.href, name, argument },
    // The work must not see the gateway's environment, as it contains the gateway's token.
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: LARGEST_HEAP_MIB },
  });
  const ends = new AbortController();
  const ended = new Promise<never>((_, reject) => {
    worker.once('error', (error) => reject(isOutOfMemory(error) ? tooMuch() : error));
    worker.once('exit', () => reject(new Error('the thread has ended')));
    signal.addEventListener('abort', () => reject(signal.reason), { signal: ends.signal });
    if (signal.aborted) reject(signal.reason);
  });
  // The reader may have stopped.
  ended.catch(() => {});
  try {
    for (const batch of batches(pieces)) {
      worker.postMessage(
        batch,
        batch.map(({ buffer }) => buffer),
      );
      await Promise.race([ended, breathe()]);
    }
    for (;;) {
      const answer = new Promise<Said>((resolve) => worker.once('message', resolve));
      worker.postMessage('next');
      const said = await Promise.race([ended, answer]);
      if ('refused' in said) throw new CellError(said.refused);
      if ('failed' in said) throw new Error(`${name} failed: ${said.failed}`);
      if ('done' in said) return;
      // A port gives all messages that have come in one go. Other work gets its turn between two results.
      await breathe();
      yield said.result as Result;
    }
  } finally {
    ends.abort();
    worker.terminate().catch(() => {});
  }
}

function* batches(pieces: Pieces): Generator<Uint8Array<ArrayBuffer>[]> {
  let batch: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (const whole of pieces) {
    for (let at = 0; at < whole.length; at += BATCH_BYTES) {
      // A copy: a piece may be a view of a larger buffer, which would go along.
      const piece = new Uint8Array(whole.subarray(at, at + BATCH_BYTES));
      batch.push(piece);
      size += piece.length;
      if (size < BATCH_BYTES) continue;
      yield batch;
      batch = [];
      size = 0;
    }
  }
  yield batch;
}

function isOutOfMemory(error: Error): boolean {
  return 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

function tooMuch(): CellError {
  return new CellError('The answer takes too much memory to be read. Ask for less.');
}
