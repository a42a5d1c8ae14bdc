import { type Kernel, KernelLost, type KernelMessage } from './kernel.js';
import { type Cell, isTagged, type Notebook, type Output } from './notebook.js';
import type { Outcome } from './outcome.js';
import { CellOutputs, Shown } from './outputs.js';

/** How long an interrupted cell may take to end, in milliseconds: an engine that stops a container kills after ten seconds. */
const GRACE_MS = 3_000;

export type CellStatus = 'ok' | 'error' | 'interrupted' | 'skipped';

/** One cell's end. */
export interface CellResult {
  /** Place in the executed notebook, from 0. */
  readonly index: number;
  readonly cell: Cell;
  readonly status: CellStatus;
  readonly seconds: number;
  /** True when Jupyter has dropped some of its output. */
  readonly isLossy: boolean;
}

/** Called for each event as it happens. */
export interface Watcher {
  started(index: number): void;
  shown(output: Output): void;
  ended(result: CellResult): Promise<void>;
}

export interface RunOptions {
  /** Goes on after a cell that failed. */
  readonly keepGoing: boolean;
  /** Interrupts the cell that runs, and ends the run. */
  readonly signal: AbortSignal;
  readonly watcher: Watcher;
}

/** The code cells of a notebook that have something to run. */
export function cellsToRun({ cells }: Notebook): readonly { readonly cell: Cell; readonly index: number }[] {
  return cells
    .map((cell, index) => ({ cell, index }))
    .filter(({ cell }) => cell.cell_type === 'code' && cell.source.trim() !== '');
}

/** Takes out what an earlier run has left, so that nothing passes for this one's. */
export function clearOutputs({ cells }: Notebook): void {
  for (const cell of cells) {
    if (cell.cell_type !== 'code' || isTagged(cell, 'skip-execution')) continue;
    cell.outputs = [];
    cell.execution_count = null;
    delete cell.metadata.execution;
  }
}

/**
 * Runs a notebook's cells in order, and puts what they show into it. Tags are nbclient's: `skip-execution` leaves a
 * cell as it is, one with `raises-exception` may fail. A cell that calls `exit()` is the last.
 */
export async function runCells(notebook: Notebook, kernel: Kernel, options: RunOptions): Promise<Outcome> {
  const { keepGoing, signal, watcher } = options;
  const shown = new Shown();
  const cells = cellsToRun(notebook);
  const failed: number[] = [];
  const lossy: number[] = [];
  let [done, skipped] = [0, 0];
  let exitedIn: number | undefined;
  let stoppedIn: number | undefined;
  for (const { cell, index } of cells) {
    if (signal.aborted) break;
    done++;
    if (isTagged(cell, 'skip-execution')) {
      skipped++;
      await watcher.ended({ index, cell, status: 'skipped', seconds: 0, isLossy: false });
      continue;
    }
    watcher.started(index);
    const begun = performance.now();
    const mayFail = keepGoing || isTagged(cell, 'raises-exception');
    const { status, after, isLossy } = await runCell(cell, kernel, shown, mayFail, options);
    const seconds = Math.round(performance.now() - begun) / 1000;
    if (isLossy) lossy.push(done);
    if (status === 'interrupted') stoppedIn = done;
    if (status === 'error' && !isTagged(cell, 'raises-exception')) failed.push(done);
    await watcher.ended({ index, cell, status, seconds, isLossy });
    if (after === 'exited') exitedIn = done;
    if (after !== 'alive' || (status === 'error' && !mayFail)) {
      // A cell that may fail may not take the kernel along.
      if (after === 'lost' && status === 'error' && failed.at(-1) !== done) failed.push(done);
      break;
    }
  }
  return { cells: cells.length, done, skipped, failed, lossy, exitedIn, stoppedIn };
}

interface CellRun {
  readonly status: CellStatus;
  /** What the kernel is after it. */
  readonly after: 'alive' | 'exited' | 'lost';
  readonly isLossy: boolean;
}

async function runCell(
  cell: Cell,
  kernel: Kernel,
  shown: Shown,
  mayFail: boolean,
  { signal, watcher }: RunOptions,
): Promise<CellRun> {
  const outputs = new CellOutputs(cell, shown);
  let isLossy = false;
  const show = (type: string, content: KernelMessage['content'], size = 0) => {
    for (const output of outputs.add(type, content, size)) watcher.shown(output);
  };
  const hear = (message: KernelMessage) => {
    const { channel, type, content, size } = message;
    isLossy ||= isDropNotice(message);
    noteTime(cell, message);
    if (channel === 'iopub') show(type, content, size);
    if (typeof content.execution_count === 'number' && type !== 'execute_result')
      cell.execution_count = content.execution_count;
  };
  const running = kernel.execute(cell.source, requestMetadata(cell), !mayFail, hear);
  try {
    const reply = await endOf(running, kernel, signal);
    if (reply === undefined) {
      const evalue = 'The run ended before this cell did, and an interrupt did not stop the cell.';
      show('error', { ename: 'Interrupted', evalue, traceback: [`Interrupted: ${evalue}`] });
    }
    const failed = reply?.status !== 'ok';
    const status = failed && signal.aborted ? 'interrupted' : failed ? 'error' : 'ok';
    return { status, after: asksToExit(reply) ? 'exited' : 'alive', isLossy };
  } catch (error) {
    if (!(error instanceof KernelLost)) throw error;
    const { name: ename, message: evalue } = error;
    show('error', { ename, evalue, traceback: [`${ename}: ${evalue}`] });
    return { status: signal.aborted ? 'interrupted' : 'error', after: 'lost', isLossy };
  } finally {
    outputs.finish();
  }
}

/**
 * Jupyter drops what a kernel shows faster than its limits allow, and says so in a stream of the cell. A cell that prints
 * the same words does it in the kernel's name.
 * Source: jupyter_server/services/kernels/connection/channels.py, `_limit_rate`.
 */
function isDropNotice({ type, content, isServers }: KernelMessage): boolean {
  return isServers && type === 'stream' && /^IOPub \w+ rate exceeded/.test(String(content.text));
}

/**
 * `exit()`, `quit` and the like: the kernel asks its client to end, and itself ends when the cell has.
 * Source: https://jupyter-client.readthedocs.io/en/latest/messaging.html#payloads-deprecated (`ask_exit`)
 */
function asksToExit(reply: KernelMessage['content'] | undefined): boolean {
  const payload: unknown = reply?.payload;
  return Array.isArray(payload) && payload.some((each) => each?.source === 'ask_exit');
}

/** @returns the cell's reply; undefined when an interrupt didn't end it */
async function endOf(
  running: Promise<KernelMessage['content']>,
  kernel: Kernel,
  signal: AbortSignal,
): Promise<KernelMessage['content'] | undefined> {
  let stop = () => {};
  const gaveUp = new Promise<undefined>((resolve) => {
    stop = () => {
      // A kernel that can't be interrupted is given up like one that doesn't end.
      kernel.interrupt().catch(() => {});
      setTimeout(() => resolve(undefined), GRACE_MS);
    };
  });
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([running, gaveUp]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** A special UI keeps in a cell's metadata what kind of SPIN cell it is; any other says so in its first line. */
function requestMetadata({ id, metadata: { spin } }: Cell): object {
  return { ...(id !== undefined && { cellId: id }), ...(spin !== undefined && { spin }) };
}

/** Times as JupyterLab and nbclient keep them, in `metadata.execution`. */
function noteTime(cell: Cell, { channel, type, date, content }: KernelMessage): void {
  const event = type === 'status' ? `status.${String(content.execution_state)}` : type;
  if (!/^(status\.(busy|idle)|execute_input|execute_reply)$/.test(event)) return;
  const times = (cell.metadata.execution ?? {}) as object;
  cell.metadata.execution = { ...times, [`${channel}.${event}`]: date };
}
