#!/usr/bin/env node
import { X509Certificate } from 'node:crypto';
import { constants } from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import { builtIn, kindsOf } from '../processors/index.js';
import { PageMask } from './channel/broker-mask.js';
import { loadConfig } from './config/load.js';
import { ConfigError } from './config/problems.js';
import { isOneShot } from './config/run.js';
import type { Config } from './config.js';
import { openCatalogue } from './connections/catalogue.js';
import { listConnections, testConnections } from './connections/command.js';
import { type ConnectionDesk, createDesk } from './connections/desk.js';
import { CatalogueError } from './connections/problem.js';
import { createTrial } from './connections/trial.js';
import { examine, show } from './doctor/doctor.js';
import { CertificateError } from './edge/certificate-files.js';
import { readLocalAuthority } from './edge/local-ca.js';
import { loginUrl } from './edge/login-codes.js';
import { JupyterSetupError } from './jupyter/setup-error.js';
import { createLog, type Log } from './log.js';
import { openAddOns, startGateway } from './main.js';
import { FORMATS, type Format } from './oneshot/print.js';
import { RunProblem } from './oneshot/problem.js';
import type { RunEnd } from './oneshot/run.js';
import { fixedUpstream, probe } from './proxy/upstream.js';
import { browserUrl } from './public-url.js';
import { type RunRequest, runNotebook } from './run-notebook.js';
import { version } from './version.js';

/** Exit statuses of sysexits.h. */
const EX_USAGE = 64;
const EX_UNAVAILABLE = 69;
const EX_SOFTWARE = 70;
const EX_CONFIG = 78;
/** Of a run whose cell failed; of one that took too long, as timeout(1) has it. */
const CELL_FAILED = 1;
const TIMED_OUT = 124;

async function start(): Promise<void> {
  if (isOneShot(process.env)) return run(undefined, { parameter: [], format: 'text' });
  const log = createLog();
  const { config, notes } = await loadConfig(process.env);
  for (const note of notes) log.info(note);
  const gateway = await startGateway(config, log, (line) => process.stderr.write(`${line}\n`));
  const link = await loginUrl(gateway.url, config.token);
  process.stdout.write(
    `SPIN Runtime is at ${gateway.url}\nLog in (this link works once, within ten minutes):\n  ${link}\n`,
  );

  void warnOfAbsentJupyter(config, log);

  const stop = new Promise<void>((resolve) => {
    for (const signal of endingSignals()) process.once(signal, () => resolve());
  });
  if (!endingSignals().includes('SIGHUP')) {
    process.on('SIGHUP', () => {
      log.info('SIGHUP: reading the connection catalogue and the certificate again');
      void gateway.reload();
    });
  }
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

async function printLoginUrl(): Promise<void> {
  const { config } = await loadConfig(process.env);
  process.stdout.write(`${await loginUrl(browserUrl(config, config.listen), config.token)}\n`);
}

/** The connections as the file has them, for one command. */
async function openDesk(config: Config): Promise<ConnectionDesk> {
  const kinds = kindsOf([...builtIn, ...(await openAddOns(config))]);
  const { connections, environment } = config;
  const catalogue = await openCatalogue({ ...connections, kinds, environment, log: createLog('warn') });
  catalogue.close();
  return createDesk(catalogue, createTrial({ kinds, createMask: () => new PageMask() }));
}

async function printConnections(): Promise<void> {
  const { config } = await loadConfig(process.env, true);
  print(listConnections(await openDesk(config)));
}

async function tryConnections(name: string | undefined): Promise<void> {
  const { config } = await loadConfig(process.env, true);
  const { lines, works } = await testConnections(await openDesk(config), name);
  print(lines);
  if (!works) process.exit(EX_UNAVAILABLE);
}

/** Says what is wrong, and what to do about it; ends with a failure where something doesn't work. */
async function printFindings(): Promise<void> {
  const { config } = await loadConfig(process.env, true);
  let works = true;
  const url = browserUrl({ ...config, publicUrl: undefined }, config.listen);
  for await (const finding of examine({ config, url, openDesk: () => openDesk(config) })) {
    process.stdout.write(show(finding));
    if (finding.state === 'failed') works = false;
  }
  if (!works) process.exit(EX_UNAVAILABLE);
}

interface RunFlags {
  readonly parameter: readonly string[];
  readonly output?: string;
  readonly format: Format;
  readonly continue?: true;
}

async function run(notebook: string | undefined, flags: RunFlags): Promise<void> {
  const { parameter: parameters, output, format, continue: keepGoing = false } = flags;
  const request: RunRequest = { notebook, parameters, output, format, keepGoing };
  const status = statusOf(await runNotebook(request, process.env));
  if (status !== 0) process.exit(status);
}

/** A signal's is the shell's: 128 and its number. */
function statusOf(end: RunEnd): number {
  if (end === 'ok') return 0;
  if (end === 'failed') return CELL_FAILED;
  return end === 'time' ? TIMED_OUT : 128 + constants.signals[end];
}

/** The local CA's certificate on stdout; what it is, and what to do with it, on stderr. */
async function printLocalAuthority(): Promise<void> {
  const { config } = await loadConfig(process.env, true);
  if (config.tls.mode === 'off' || config.tls.files !== undefined) {
    const why = config.tls.mode === 'off' ? 'SPIN_TLS is off' : 'SPIN_TLS_CERT brings a certificate';
    process.stderr.write(`spin-runtime: there is no local CA to trust: ${why}.\n`);
    process.exit(EX_CONFIG);
  }
  const pem = await readLocalAuthority(config.home.tls);
  if (pem === undefined) {
    process.stderr.write(
      'spin-runtime: there is no local CA yet. The first start of the gateway makes it.\n',
    );
    process.exit(EX_UNAVAILABLE);
  }
  const { fingerprint256, validTo } = new X509Certificate(pem);
  process.stdout.write(pem);
  process.stderr.write(
    `SHA-256 ${fingerprint256}, valid to ${validTo}.\nHow each system learns to trust it: docker/certificates.md\n`,
  );
}

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

const program = new Command('spin-runtime')
  .description(
    'A security and integration gateway in front of a stock Jupyter server. Set by environment variables: see the README.',
  )
  .version(version())
  .showHelpAfterError('spin-runtime --help lists the commands.')
  .exitOverride();
program.command('start').description('start the gateway (the default)').action(start);
program
  .command('login-url')
  .description('print a link that logs in once, within ten minutes')
  .action(printLoginUrl);

program
  .command('run')
  .description('run a notebook once, write the executed one and a report, and end with its status')
  .argument('<notebook>', 'path, or file://, http:// or https:// URL')
  .option(
    '-p, --parameter <name=value>',
    'set a parameter; JSON, or else a string; may be repeated',
    (each: string, all: readonly string[]) => [...all, each],
    [],
  )
  .option('-o, --output <file>', 'the executed notebook; default: NAME.executed.ipynb beside the source')
  .addOption(new Option('--format <format>', 'what stands on stdout').choices(FORMATS).default('text'))
  .option('--continue', 'go on after a cell that failed')
  .addHelpText(
    'after',
    '\nMAX_DURATION=10m ends it in time. Exit status: 0; 1 a cell failed; 124 time; 78 settings.',
  )
  .action((notebook: string, flags: RunFlags) => run(notebook, flags));

program
  .command('cert')
  .description('certificates')
  .command('ca')
  .description("print the local CA's certificate (PEM), to be trusted by browsers and systems")
  .action(printLocalAuthority);

const connections = program.command('connections').description('the connection catalogue (SPIN_CONNECTIONS)');
connections.command('list').description('print name, type and default').action(printConnections);
connections
  .command('test')
  .argument('[name]', 'default: all')
  .description('reach each service with its credentials and say what failed')
  .action(tryConnections);

program
  .command('doctor')
  .description('look at everything that the gateway needs, and say what to do about what is wrong')
  .action(printFindings);

/** What a person reads of a failure, and the exit status for whatever started the gateway. */
function explain(error: unknown): [message: string, status: number] {
  if (error instanceof ConfigError)
    return [`spin-runtime: the settings are not right.\n${error.message}`, EX_CONFIG];
  if (error instanceof CatalogueError)
    return [`spin-runtime: the connection catalogue is not right.\n${error.message}`, EX_CONFIG];
  if (error instanceof RunProblem)
    return [`spin-runtime: ${error.message}`, error.kind === 'settings' ? EX_CONFIG : EX_UNAVAILABLE];
  if (error instanceof CertificateError) return [`spin-runtime: ${error.message}`, EX_CONFIG];
  if (error instanceof JupyterSetupError) return [`spin-runtime: ${error.message}`, EX_UNAVAILABLE];
  if (error instanceof Error && 'syscall' in error && error.syscall === 'listen') {
    return [
      `spin-runtime: ${error.message}. Choose another address with SPIN_HOST and SPIN_PORT.`,
      EX_UNAVAILABLE,
    ];
  }
  return [
    `spin-runtime: ${error instanceof Error ? (error.stack ?? String(error)) : String(error)}`,
    EX_SOFTWARE,
  ];
}

try {
  // Not commander's default command, which would take a mistyped one as its argument.
  const [, , ...words] = process.argv;
  await program.parseAsync(words.length === 0 ? ['start'] : words, { from: 'user' });
  process.exit(0);
} catch (error) {
  // commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EX_USAGE);
  const [message, status] = explain(error);
  process.stderr.write(`${message}\n`);
  process.exit(status);
}
