import { existsSync } from 'node:fs';
import { loadConfig } from '../config/load.js';
import { listConnections, sayNone, testConnections } from '../connections/command.js';
import { printable } from '../printable.js';
import { EX_UNAVAILABLE } from './exit-status.js';
import { openDesk } from './open-desk.js';

export async function printConnections(): Promise<void> {
  const { config } = await loadConfig(process.env, true);
  const lines = listConnections(await openDesk(config));
  print(lines);
  // Beside the data: a program that reads them has read none.
  if (lines.length === 0) process.stderr.write(`spin-runtime: ${none(config.connections.file)}\n`);
}

export async function tryConnections(name: string | undefined): Promise<void> {
  const { config } = await loadConfig(process.env, true);
  const desk = await openDesk(config);
  const { lines, works } = await testConnections(desk, name, none(config.connections.file));
  print(lines);
  if (!works) process.exit(EX_UNAVAILABLE);
}

function none(file: string): string {
  return sayNone(file, existsSync(file));
}

/** The tabs are between fields; within one nothing commands. */
function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line.split('\t').map(printable).join('\t')}\n`).join(''));
}
