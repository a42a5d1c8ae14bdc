import { Command, CommanderError, Option } from 'commander';
import { printConnections, tryConnections } from './commands/connections.js';
import { printFindings } from './commands/doctor.js';
import { EX_USAGE } from './commands/exit-status.js';
import { explain } from './commands/explain.js';
import { printLocalAuthority } from './commands/local-authority.js';
import { printLoginUrl } from './commands/login-url.js';
import { type RunFlags, run } from './commands/run.js';
import { start } from './commands/start.js';
import { FORMATS } from './oneshot/print.js';
import { printableLines } from './printable.js';
import { version } from './version.js';

const program = new Command('spin-runtime')
  .description(
    'A security and integration gateway in front of a stock Jupyter server. Configure it with environment variables: see docs/reference/settings.md.',
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
  .action((notebook: string, flags: RunFlags) => run(notebook, flags));

program
  .command('cert')
  .description('certificates')
  .command('ca')
  .description("print the local CA's certificate (PEM), for browsers and systems to trust")
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
  .description('check everything that the gateway needs, and say how to fix what is wrong')
  .action(printFindings);

try {
  // Not commander's default command, which would take a mistyped one as its argument.
  const [, , ...words] = process.argv;
  await program.parseAsync(words.length === 0 ? ['start'] : words, { from: 'user' });
  process.exit(0);
} catch (error) {
  // commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EX_USAGE);
  const [message, status] = explain(error);
  process.stderr.write(`${printableLines(message)}\n`);
  process.exit(status);
}
