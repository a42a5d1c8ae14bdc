import { loadConfig } from '../config/load.js';
import { listConnections, testConnections } from '../connections/command.js';
import { EX_UNAVAILABLE } from './exit-status.js';
import { openDesk } from './open-desk.js';

export async function printConnections(): Promise<void> {
  const { config } = await loadConfig(process.env, true);
  print(listConnections(await openDesk(config)));
}

export async function tryConnections(name: string | undefined): Promise<void> {
  const { config } = await loadConfig(process.env, true);
  const { lines, works } = await testConnections(await openDesk(config), name);
  print(lines);
  if (!works) process.exit(EX_UNAVAILABLE);
}

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}
