import { loadConfig } from '../config/load.js';
import { isOneShot } from '../config/run-setting.js';
import type { Config } from '../config.js';
import { loginUrl } from '../edge/login-codes.js';
import { faultOf } from '../fault.js';
import { createLog, type Log } from '../log.js';
import { type Gateway, startGateway } from '../main.js';
import { fixedUpstream, probe } from '../proxy/upstream.js';
import { createScreen, isColoured, type Screen } from '../screen.js';
import { run } from './run.js';
import { printSummary } from './summary.js';

/** Runs until it is told to stop, or fails. */
export async function start(): Promise<void> {
  if (isOneShot(process.env)) return run(undefined, { parameter: [], format: 'text' });
  const screen = createScreen(process.stderr, process.env);
  const log = createLog('info', screen.log);
  const signals = endingSignals();
  let reload = (): void => {};
  // From the beginning: what is read while it starts need not be read again, and by default the signal ends a program.
  if (!signals.includes('SIGHUP')) process.on('SIGHUP', () => reload());
  try {
    const { config, notes } = await loadConfig(process.env);
    for (const note of notes) log.info(note);
    if (screen.log !== undefined) screen.progress('starting');
    const gateway = await startGateway(config, log, screen.progress);
    const stop = new Promise<void>((resolve) => {
      for (const signal of signals) process.once(signal, () => resolve());
    });
    reload = () => {
      log.info('SIGHUP: reading the connection catalogue and the certificate again');
      gateway
        .reload()
        .catch((error: unknown) => log.error({ fault: faultOf(error) }, 'could not read them again'));
    };
    try {
      await Promise.race([tellWhere(gateway, config, screen, log), stop, gateway.failed]);
      await Promise.race([stop, gateway.failed]);
    } finally {
      log.info({ limit_ms: config.drainMs }, 'stopping; the same signal again ends running cells at once');
      await gateway.close();
    }
  } finally {
    // What was kept for a summary that never came.
    tellKept(screen);
  }
}

/** The line of progress ends, and warnings that were kept are lines. */
function tellKept(screen: Screen): void {
  for (const warning of screen.settle()) process.stderr.write(`warning: ${warning}\n`);
}

/** At a terminal, where the last lines are what is seen, when Jupyter answers; else as soon as there is something to open. */
async function tellWhere(gateway: Gateway, config: Config, screen: Screen, log: Log): Promise<void> {
  const atTerminal = process.stdout.isTTY && screen.log !== undefined;
  if (!atTerminal) {
    // Nothing is written that would push them out of sight.
    tellKept(screen);
    const link = await loginUrl(gateway.url, config.token);
    process.stdout.write(
      `SPIN Runtime is at ${gateway.url}\nLog in (this link works once, within ten minutes):\n  ${link}\n`,
    );
    if (config.upstream.kind === 'embedded') process.stdout.write(`Notebooks: ${config.home.notebooks}\n`);
    await Promise.all([sayRemarks(gateway, log), warnOfAbsentJupyter(config, log)]);
    tellKept(screen);
    return;
  }
  screen.progress('waiting for Jupyter');
  await Promise.all([sayRemarks(gateway, log), warnOfAbsentJupyter(config, log)]);
  const warnings = screen.settle();
  const summary = {
    // Made now: its ten minutes begin when the user can read it.
    link: await loginUrl(gateway.url, config.token),
    notebooks: config.upstream.kind === 'embedded' ? config.home.notebooks : undefined,
    connections: { names: gateway.connections(), file: config.connections.file },
    warnings,
  };
  const looks = { coloured: isColoured(process.env), columns: process.stdout.columns };
  process.stdout.write(printSummary(summary, looks));
}

/** A closed terminal sends SIGHUP and ends the programs that were started in it; a service reloads. */
function endingSignals(): NodeJS.Signals[] {
  return process.stdin.isTTY ? ['SIGTERM', 'SIGINT', 'SIGHUP'] : ['SIGTERM', 'SIGINT'];
}

/** What works differently from what users may expect. */
async function sayRemarks(gateway: Gateway, log: Log): Promise<void> {
  await gateway.ready;
  try {
    for (const { says, remedy } of await gateway.remarks()) log.warn(`${says} ${remedy}`);
  } catch (error) {
    log.error({ fault: faultOf(error) }, 'could not check for extensions');
  }
}

/** The operator who set `SPIN_UPSTREAM` learns of a mistake now, not from the first user who opens the page. */
async function warnOfAbsentJupyter({ upstream }: Config, log: Log): Promise<void> {
  if (upstream.kind === 'embedded' || (await probe(fixedUpstream(upstream)))) return;
  log.warn(
    'No Jupyter answers at SPIN_UPSTREAM, or it refuses SPIN_UPSTREAM_TOKEN. The gateway forwards requests anyway.',
  );
}
