import { basename, extname } from 'node:path';
import { cellsToRun, clearOutputs, runCells, type Watcher } from './cells.js';
import type { GatewayClient } from './client.js';
import { findKernel, Kernel } from './kernel.js';
import { type Notebook, printNotebook } from './notebook.js';
import { isGood, type Outcome, sentenceOf } from './outcome.js';
import { injectParameters, type Parameter } from './parameters.js';
import type { Printer } from './print.js';
import { RunProblem } from './problem.js';
import { renderReport } from './report.js';
import type { ReportHead } from './report-head.js';
import { writeResult } from './result-file.js';
import { reportFor } from './source.js';

/** How long a report may take, in milliseconds. */
const REPORT_MS = 60_000;
/** The same when a signal ended the run: an engine that stops a container kills after ten seconds. */
const LAST_REPORT_MS = 3_000;

const DROPPED =
  "Jupyter dropped some of its output, because it came faster than Jupyter's limits allow. Print less at a time, or raise them: " +
  'ServerApp.iopub_msg_rate_limit, ServerApp.iopub_data_rate_limit.';

/** Why a run ended before its notebook did: MAX_DURATION, or a signal. */
export type Stop = 'time' | 'SIGTERM' | 'SIGINT' | 'SIGHUP';
export type RunEnd = 'ok' | 'failed' | Stop;

export interface Run {
  readonly client: GatewayClient;
  /** Resolves when Jupyter can be asked; rejects when it could not be started. */
  readonly ready: Promise<void>;
  /** Changed in place: it becomes the executed one. */
  readonly notebook: Notebook;
  readonly parameters: readonly Parameter[];
  /** The kernel's name; undefined: the notebook's, else Jupyter's default. */
  readonly kernel: string | undefined;
  /** The executed notebook's file, absolute. */
  readonly output: string;
  /** Where the kernel works, from the folder that Jupyter serves; undefined: there. */
  readonly folder: string | undefined;
  /** False leaves the kernel to a Jupyter that ends with this run. */
  readonly endsKernel: boolean;
  readonly keepGoing: boolean;
  /** Aborted with a {@link Stop} as its reason. */
  readonly signal: AbortSignal;
  /** Aborted when no user waits any more: the kernel is left or ended, and no report made. */
  readonly quit: AbortSignal;
  readonly printer: Printer;
  /** Takes a line about the run's progress. */
  readonly tell: (line: string) => void;
}

/**
 * Runs a notebook and writes it, after every cell and at the end, and its report. A run that is stopped writes what
 * there is.
 *
 * @throws {RunProblem} when it can't begin: then nothing is written
 */
export async function runOnce(run: Run): Promise<RunEnd> {
  const { notebook, output, signal, quit, printer, tell } = run;
  const begun = new Date();
  clearOutputs(notebook);
  tell('waiting for Jupyter');
  await orStopped(run.ready, signal);
  const kernel = signal.aborted ? undefined : await startKernel(run);
  const leave = async () => (run.endsKernel ? kernel?.shutDown() : kernel?.close());
  // The one below comes in any case and says whether it failed.
  const leaveNow = () => {
    leave().catch(() => {});
  };
  quit.addEventListener('abort', leaveNow);
  try {
    const outcome = (kernel && (await execute(run, kernel))) ?? nothingRun(notebook);
    await save(run);
    const stop = signal.aborted ? (signal.reason as Stop) : undefined;
    const said = sentenceOf(outcome, stop === 'time' ? 'MAX_DURATION' : stop);
    tell(said);
    tell(`notebook: ${output}`);
    const end: RunEnd = stop ?? (isGood(outcome) ? 'ok' : 'failed');
    const limit = end.startsWith('SIG') ? LAST_REPORT_MS : REPORT_MS;
    const head = {
      title: basename(output, extname(output)),
      begun,
      ended: new Date(),
      kernel: String(notebook.metadata.kernelspec?.display_name ?? ''),
      parameters: run.parameters,
      outcome: said,
      isGood: end === 'ok',
    };
    // Without a kernel there may be no Jupyter to make one.
    const hasReport = kernel !== undefined && !quit.aborted;
    printer.written({ notebook: output, report: hasReport ? await report(run, head, limit) : undefined });
    return end;
  } finally {
    await leave();
  }
}

/** The notebook gets its parameters, when it is known what language they have to be in. */
async function startKernel({ client, notebook, parameters, folder, kernel: chosen }: Run): Promise<Kernel> {
  const wanted = chosen ?? notebook.metadata.kernelspec?.name;
  const found = await findKernel(client, wanted, chosen === undefined ? 'The notebook' : '-k');
  injectParameters(notebook, parameters, found.language);
  const kernel = await Kernel.start(client, found, folder);
  notebook.metadata.kernelspec = { ...notebook.metadata.kernelspec, ...found };
  return kernel;
}

/** @returns undefined when the run is stopped before the kernel answers */
async function execute(run: Run, kernel: Kernel): Promise<Outcome | undefined> {
  const { notebook, signal } = run;
  const languageInfo = await orStopped(kernel.languageInfo(), signal);
  if (languageInfo === undefined) return undefined;
  notebook.metadata.language_info = languageInfo;
  return runCells(notebook, kernel, { ...run, watcher: createWatcher(run) });
}

function nothingRun(notebook: Notebook): Outcome {
  const cells = cellsToRun(notebook).length;
  return { cells, done: 0, skipped: 0, failed: [], lossy: [], exitedIn: undefined, stoppedIn: undefined };
}

/** @returns undefined when the run is stopped first */
export async function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  // A later result is ignored.
  work.catch(() => {});
  return Promise.race([stopped, work]);
}

function createWatcher(run: Run): Watcher {
  const { notebook, printer, tell } = run;
  const cells = cellsToRun(notebook);
  const name = (index: number) =>
    `cell ${cells.findIndex((each) => each.index === index) + 1} of ${cells.length}`;
  return {
    started: (index) => tell(`${name(index)}: running`),
    shown: (output) => printer.shown(output),
    async ended(result) {
      printer.ended(result);
      tell(`${name(result.index)}: ${result.status}, ${result.seconds.toFixed(2)} s`);
      if (result.isLossy) tell(`${name(result.index)}: ${DROPPED}`);
      await save(run);
    },
  };
}

/** @throws {RunProblem} when it can't be written */
async function save({ notebook, output }: Run): Promise<void> {
  await write(output, printNotebook(notebook));
}

/** @returns its file; undefined when there is none, which loses no notebook */
async function report(
  { client, notebook, output, tell }: Run,
  head: ReportHead,
  limit: number,
): Promise<string | undefined> {
  const path = reportFor(output);
  try {
    await write(path, await renderReport(client, notebook, head, limit));
    tell(`report: ${path}`);
    return path;
  } catch (error) {
    if (!(error instanceof RunProblem)) throw error;
    tell(`No report was written. ${error.message}`);
    return undefined;
  }
}

async function write(path: string, content: string): Promise<void> {
  try {
    await writeResult(path, content);
  } catch (cause) {
    if (cause instanceof RunProblem) throw cause;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unwritable';
    throw new RunProblem('settings', `${path} can't be written (${code}). Choose another with --output.`, {
      cause,
    });
  }
}
