import { constants } from 'node:os';
import type { Format } from '../oneshot/print.js';
import type { RunEnd } from '../oneshot/run.js';
import { type RunRequest, runNotebook } from '../run-notebook.js';
import { CELL_FAILED, TIMED_OUT } from './exit-status.js';

export interface RunFlags {
  readonly parameter: readonly string[];
  readonly kernel?: string;
  readonly output?: string;
  readonly format: Format;
  readonly continue?: true;
}

export async function run(notebook: string | undefined, flags: RunFlags): Promise<void> {
  const { parameter: parameters, kernel, output, format, continue: keepGoing = false } = flags;
  const request: RunRequest = { notebook, parameters, kernel, output, format, keepGoing };
  const status = statusOf(await runNotebook(request, process.env));
  if (status !== 0) process.exit(status);
}

/** A signal's is the shell's: 128 and its number. */
function statusOf(end: RunEnd): number {
  if (end === 'ok') return 0;
  if (end === 'failed') return CELL_FAILED;
  return end === 'time' ? TIMED_OUT : 128 + constants.signals[end];
}
