import { accessSync, constants, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { loadRun } from './config/load.js';
import type { Config, NotebookPlace } from './config.js';
import { createLog } from './log.js';
import { type Gateway, startGateway } from './main.js';
import { GatewayClient } from './oneshot/client.js';
import { parseNotebook } from './oneshot/notebook.js';
import { parseParameter } from './oneshot/parameters.js';
import { createPrinter, type Format } from './oneshot/print.js';
import { RunProblem } from './oneshot/problem.js';
import { refuseDevice } from './oneshot/result-file.js';
import { orStopped, type RunEnd, runOnce, type Stop } from './oneshot/run.js';
import { outputFor, readNotebook } from './oneshot/source.js';
import { printable } from './printable.js';
import { fixedUpstream, probe } from './proxy/upstream.js';
import { createScreen } from './screen.js';

/** The time that a run has to end its kernel and write the notebook when it must end at once, in milliseconds. */
const QUIT_MS = 500;
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const satisfies readonly Stop[];

export interface RunRequest {
  /** Path or URL; undefined: NOTEBOOK_URL. */
  readonly notebook: string | undefined;
  /** `name=value` each. */
  readonly parameters: readonly string[];
  /** The kernel's name; undefined: as the notebook says. */
  readonly kernel?: string | undefined;
  /** The executed notebook's file; undefined: beside its source. */
  readonly output: string | undefined;
  readonly format: Format;
  /** Goes on after a cell that failed. */
  readonly keepGoing: boolean;
}

/**
 * Runs a notebook once, as a client of a gateway that serves no other client: on a socket in a folder that only this user
 * can enter, for as long as the run takes. So a cell's way is the one that it has in a browser.
 *
 * The first signal interrupts the cell, and what there is is written; another ends the run at once.
 *
 * @throws {ConfigError} for what is wrong in the settings
 * @throws {RunProblem} for a notebook that can't be run
 */
export async function runNotebook(request: RunRequest, environment: NodeJS.ProcessEnv): Promise<RunEnd> {
  const stop = new AbortController();
  const quit = new AbortController();
  const handlers = SIGNALS.map(
    (name) => [name, () => (stop.signal.aborted ? quit : stop).abort(name)] as const,
  );
  for (const [name, handler] of handlers) process.on(name, handler);
  const folder = await mkdtemp(join(tmpdir(), 'spin-run-'));
  let timer: NodeJS.Timeout | undefined;
  try {
    const { config, notes, run } = await loadRun(environment, join(folder, 'gateway.sock'), request.notebook);
    if (run.limit !== undefined) {
      const left = Math.max(0, run.limit - process.uptime() * 1000);
      timer = setTimeout(() => stop.abort('time' satisfies Stop), left);
    }
    notes.forEach(tell);
    // The only client knows when its cells are done: nothing is left to wait for.
    const own = { ...config, home: { ...config.home, sessions: folder }, drainMs: 0 };
    stop.signal.addEventListener('abort', () => tell('stopping; a signal now ends it at once'));
    const hurried = new Promise<RunEnd>((resolve) => {
      quit.signal.addEventListener('abort', () =>
        setTimeout(() => resolve(stop.signal.reason as Stop), QUIT_MS),
      );
    });
    return await Promise.race([
      runBehindGateway(request, own, run.notebook, stop.signal, quit.signal, environment),
      hurried,
    ]);
  } finally {
    clearTimeout(timer);
    for (const [name, handler] of handlers) process.off(name, handler);
    await rm(folder, { recursive: true, force: true });
  }
}

async function runBehindGateway(
  request: RunRequest,
  config: Config,
  place: NotebookPlace,
  signal: AbortSignal,
  quit: AbortSignal,
  environment: NodeJS.ProcessEnv,
): Promise<RunEnd> {
  const { listen, token, upstream } = config;
  if (listen.kind !== 'unix') throw new Error('a run listens on a unix socket');
  const output = outputFor(place, request.output);
  checkWritable(dirname(output));
  await refuseDevice(output);
  const parameters = request.parameters.map(parseParameter);
  const reading = readNotebook(place, config.environment);
  // A file is there at once, and so is what is written of a run that has no time left.
  const text = await (place.kind === 'file' ? reading : orStopped(reading, signal));
  if (text === undefined) {
    tell('The run ended before its notebook arrived.');
    return signal.reason as Stop;
  }
  const notebook = parseNotebook(text);
  const screen = createScreen(process.stderr, environment);
  const log = createLog('warn', screen.log);
  const gateway = await startGateway(config, log, screen.progress);
  // Its cells tell how far it is from here on.
  const ready = readiness(gateway, config).finally(() => screen.settle().forEach(tell));
  const basePath = upstream.kind === 'embedded' ? '' : fixedUpstream(upstream).basePath;
  // A reader that has seen enough (`| head`) ends no run.
  process.stdout.on('error', () => {});
  try {
    return await runOnce({
      client: new GatewayClient({ socket: listen.path, token, basePath }),
      ready,
      notebook,
      parameters,
      kernel: request.kernel,
      output,
      folder: kernelFolder(place, config),
      endsKernel: upstream.kind !== 'embedded',
      keepGoing: request.keepGoing,
      signal,
      quit,
      printer: createPrinter(request.format, (text) => process.stdout.write(text), process.stdout.isTTY),
      tell,
    });
  } finally {
    // Its Jupyter warns that it was told to stop.
    log.level = 'error';
    await gateway.close();
  }
}

async function readiness(gateway: Gateway, { upstream }: Config): Promise<void> {
  await Promise.race([gateway.ready, gateway.failed]);
  if (upstream.kind === 'embedded' || (await probe(fixedUpstream(upstream)))) return;
  throw new RunProblem('jupyter', 'No Jupyter answers at SPIN_UPSTREAM, or it refuses SPIN_UPSTREAM_TOKEN.');
}

/**
 * The notebook's own folder, where its data lies, from the one that the embedded Jupyter serves. Another Jupyter has
 * other folders; and where Jupyter has its own user, the folder has to be open to all users.
 */
function kernelFolder(place: NotebookPlace, { home, upstream }: Config): string | undefined {
  if (place.kind !== 'file' || upstream.kind !== 'embedded') return undefined;
  const folder = dirname(place.path);
  if (process.geteuid?.() !== 0 || isOpen(folder)) return relative(home.notebooks, folder);
  tell(
    `The kernel works in ${home.notebooks}, because the user that Jupyter runs as cannot enter ${folder}.`,
  );
  return undefined;
}

function isOpen(folder: string): boolean {
  if ((statSync(folder).mode & 0o001) === 0) return false;
  return dirname(folder) === folder || isOpen(dirname(folder));
}

function checkWritable(folder: string): void {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch {
    throw new RunProblem(
      'settings',
      `The folder ${folder} can't be written. Choose another file with --output.`,
    );
  }
}

function tell(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}
