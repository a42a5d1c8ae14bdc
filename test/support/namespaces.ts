import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Test } from 'tap';

const run = promisify(execFile);

/**
 * Makes two hosts that share one cable and reach nothing else: network namespaces joined by a veth pair. Needs root;
 * the test's end removes them.
 *
 * @param first the addresses of one, with the network's size, e.g. `['172.31.88.3/29']`
 * @param second the address of the other. The first one's default route leads there, and ends there
 * @returns for each, what to put before a command so that it runs there
 */
export async function twoHosts(
  t: Test,
  first: readonly string[],
  second: string,
): Promise<Record<'first' | 'second', readonly string[]>> {
  const names = { first: `spin-${process.pid}-1`, second: `spin-${process.pid}-2` };
  const ip = (...args: string[]) => run('ip', args);
  for (const name of [names.first, names.second]) {
    await ip('netns', 'add', name);
    t.teardown(() => ip('netns', 'delete', name));
    await ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  await ip('-n', names.first, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'cable', 'netns', names.second);
  for (const address of first) await ip('-n', names.first, 'address', 'add', address, 'dev', 'cable');
  await ip('-n', names.second, 'address', 'add', second, 'dev', 'cable');
  for (const name of [names.first, names.second]) await ip('-n', name, 'link', 'set', 'cable', 'up');
  await ip('-n', names.first, 'route', 'add', 'default', 'via', second.replace(/\/.*/, ''));
  return {
    first: ['ip', 'netns', 'exec', names.first],
    second: ['ip', 'netns', 'exec', names.second],
  };
}
