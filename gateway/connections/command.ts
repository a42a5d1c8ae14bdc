import type { ConnectionDesk } from './desk.js';

/** @returns a line per connection, tab-separated: name, type, `default` or nothing */
export function listConnections(desk: ConnectionDesk): string[] {
  return desk.list().map(({ name, type, isDefault }) => [name, type, isDefault ? 'default' : ''].join('\t'));
}

/**
 * Tries one connection, or all.
 * @returns a line per connection, tab-separated: name, `ok` or `failed`, what the service said; and whether all work
 */
export async function testConnections(
  desk: ConnectionDesk,
  name: string | undefined,
): Promise<{ readonly lines: readonly string[]; readonly works: boolean }> {
  const names = desk.list().map((each) => each.name);
  if (name === undefined && names.length === 0)
    return { lines: ['\tfailed\tThere is no connection in the catalogue.'], works: false };
  const chosen = name === undefined ? names : [name];
  const trials = await Promise.all(
    chosen.map(async (each) => {
      const says = `There is no such connection. Known: ${names.join(', ')}.`;
      return (await desk.test(each)) ?? { name: each, works: false, says };
    }),
  );
  return {
    lines: trials.map(({ name, works, says }) => [name, works ? 'ok' : 'failed', says].join('\t')),
    works: trials.every(({ works }) => works),
  };
}
