import { Command, CommanderError, Option } from 'commander';
import { EX_USAGE } from './commands/exit-status.js';
import type { RunFlags } from './commands/run.js';
import { FORMATS } from './oneshot/print.js';
import { printableLines } from './printable.js';
import { version } from './version.js';

// Each command's code is loaded when it is asked for: `--help` and `login-url` needn't wait for the gateway's.
const program = new Command('spin-runtime')
  .description(
    'A security and integration gateway in front of a stock Jupyter server. Configure it with environment variables: see docs/reference/settings.md.',
  )
  .version(version())
  .showHelpAfterError('spin-runtime --help lists the commands.')
  .exitOverride();
program
  .command('start')
  .description('start the gateway (the default)')
  .action(async () => (await import('./commands/start.js')).start());
program
  .command('login-url')
  .description('print a link that logs in once, within ten minutes')
  .action(async () => (await import('./commands/login-url.js')).printLoginUrl());

program
  .command('run')
  .description('run a notebook once, write the executed notebook and a report, and exit with its status')
  .argument('<notebook>', 'path, or file://, http:// or https:// URL')
  .option(
    '-p, --parameter <name=value>',
    'set a parameter; JSON, or else a string; may be repeated',
    (each: string, all: readonly string[]) => [...all, each],
    [],
  )
  .option(
    '-k, --kernel <name>',
    "the kernel, by its kernelspec's name; default: the notebook's, else Jupyter's",
  )
  .option('-o, --output <file>', 'the executed notebook; default: NAME.executed.ipynb beside the source')
  .addOption(new Option('--format <format>', 'what to print on stdout').choices(FORMATS).default('text'))
  .option('--continue', 'go on after a cell that failed')
  .addHelpText(
    'after',
    '\nMAX_DURATION=10m ends it after ten minutes. Exit status: 0; 1 a cell failed; 124 time; 78 settings.',
  )
  .action(async (notebook: string, flags: RunFlags) =>
    (await import('./commands/run.js')).run(notebook, flags),
  );

program
  .command('cert')
  .description('certificates')
  .command('ca')
  .description("print the local CA's certificate (PEM), for browsers and systems to trust")
  .action(async () => (await import('./commands/local-authority.js')).printLocalAuthority());

const connections = program.command('connections').description('the connection catalogue (SPIN_CONNECTIONS)');
connections
  .command('list')
  .description('print name, type and default')
  .action(async () => (await import('./commands/connections.js')).printConnections());
connections
  .command('test')
  .argument('[name]', 'default: all')
  .description('reach each service with its credentials and say what failed')
  .action(async (name?: string) => (await import('./commands/connections.js')).tryConnections(name));

program
  .command('doctor')
  .description('check everything that the gateway needs, and say how to fix what is wrong')
  .action(async () => (await import('./commands/doctor.js')).printFindings());

try {
  // Not commander's default command, which would take a mistyped one as its argument.
  const [, , ...words] = process.argv;
  await program.parseAsync(words.length === 0 ? ['start'] : words, { from: 'user' });
  process.exit(0);
} catch (error) {
  // commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EX_USAGE);
  const { explain } = await import('./commands/explain.js');
  const [message, status] = explain(error);
  process.stderr.write(`${printableLines(message)}\n`);
  process.exit(status);
}
