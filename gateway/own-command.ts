import { basename } from 'node:path';

/**
 * How the user who started this program calls it again: by its name if it was installed under that, else, in a checkout, by
 * its file. Never through a program that would ask a registry for the name.
 */
export function ownCommand(program = process.argv[1] ?? ''): string {
  return basename(program) === 'spin-runtime' ? 'spin-runtime' : 'node dist/gateway/cli.js';
}
