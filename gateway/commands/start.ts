import { loadConfig } from '../config/load.js';
import { isOneShot } from '../config/run.js';
import type { Config } from '../config.js';
import { loginUrl } from '../edge/login-codes.js';
import { createLog, type Log } from '../log.js';
import { startGateway } from '../main.js';
import { fixedUpstream, probe } from '../proxy/upstream.js';
import { run } from './run.js';

/** Runs until it is told to stop, or fails. */
export async function start(): Promise<void> {
  if (isOneShot(process.env)) return run(undefined, { parameter: [], format: 'text' });
  const log = createLog();
  const reloads = !endingSignals().includes('SIGHUP');
  let reload = (): void => {};
  // From the beginning: what is read while it starts need not be read again, and by default the signal ends a program.
  if (reloads) process.on('SIGHUP', () => reload());
  const { config, notes } = await loadConfig(process.env);
  for (const note of notes) log.info(note);
  const gateway = await startGateway(config, log, (line) => process.stderr.write(`${line}\n`));
  // Before anybody is told that it runs, and may end it.
  const stop = new Promise<void>((resolve) => {
    for (const signal of endingSignals()) process.once(signal, () => resolve());
  });
  const link = await loginUrl(gateway.url, config.token);
  process.stdout.write(
    `SPIN Runtime is at ${gateway.url}\nLog in (this link works once, within ten minutes):\n  ${link}\n`,
  );

  void warnOfAbsentJupyter(config, log);

  reload = () => {
    log.info('SIGHUP: reading the connection catalogue and the certificate again');
    void gateway.reload();
  };
  try {
    await Promise.race([stop, gateway.failed]);
  } finally {
    log.info({ limit_ms: config.drainMs }, 'stopping; the same signal again ends running cells at once');
    await gateway.close();
  }
}

/** A terminal that is closed sends SIGHUP, and takes along what was started in it; a service reloads. */
function endingSignals(): NodeJS.Signals[] {
  return process.stdin.isTTY ? ['SIGTERM', 'SIGINT', 'SIGHUP'] : ['SIGTERM', 'SIGINT'];
}

/** Whoever set `SPIN_UPSTREAM` hears of a mistake now, not from the first person who opens the page. */
async function warnOfAbsentJupyter({ upstream }: Config, log: Log): Promise<void> {
  if (upstream.kind === 'embedded' || (await probe(fixedUpstream(upstream)))) return;
  log.warn(
    'No Jupyter answers at SPIN_UPSTREAM, or it refuses SPIN_UPSTREAM_TOKEN. Requests are tried anyway.',
  );
}
