import { parentPort, workerData } from 'node:worker_threads';
import type { Doing, Said } from './apart.js';

/** The thread of {@link apart}: takes pieces, then gives a result each time that it is asked for one. */
const { module, name, argument } = workerData as { module: string; name: string; argument: unknown };
const pieces: Uint8Array[] = [];
const loaded = import(module) as Promise<Readonly<Record<string, Doing<unknown>>>>;
let results: Iterator<unknown> | undefined;

async function next(): Promise<Said> {
  try {
    results ??= (await loaded)[name]?.(pieces, argument)[Symbol.iterator]();
    const { done, value } = results?.next() ?? { done: true };
    return done ? { done } : { result: value };
  } catch (error) {
    if (error instanceof Error && error.name === 'CellError') return { refused: error.message };
    // The rest of its message may quote the answer.
    return { failed: error instanceof Error ? error.name : typeof error };
  }
}

parentPort?.on('message', (message: Uint8Array[] | 'next') => {
  if (message !== 'next') pieces.push(...message);
  else
    next()
      .then((said) => parentPort?.postMessage(said))
      // A result that can't be copied to another thread.
      .catch(() => parentPort?.postMessage({ failed: 'DataCloneError' } satisfies Said));
});
