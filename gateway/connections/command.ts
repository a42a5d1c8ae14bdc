import type { ConnectionDesk } from './desk.js';

/** @returns a line per connection, tab-separated: name, type, `default` or nothing */
export function listConnections(desk: Pick<ConnectionDesk, 'list'>): string[] {
  return desk.list().map(({ name, type, isDefault }) => [name, type, isDefault ? 'default' : ''].join('\t'));
}

/** @param isThere whether there is such a file */
export function sayNone(file: string, isThere: boolean): string {
  return isThere
    ? `There is no connection in the catalogue ${file}.`
    : `There is no connection: the catalogue ${file} does not exist. Set SPIN_CONNECTIONS to use another file.`;
}

/**
 * Tries one connection, or all.
 * @param none says that there is none
 * @returns a line per connection, tab-separated: name, `ok` or `failed`, what the service said; and whether all work
 */
export async function testConnections(
  desk: ConnectionDesk,
  name: string | undefined,
  none: string,
): Promise<{ readonly lines: readonly string[]; readonly works: boolean }> {
  const names = desk.list().map((each) => each.name);
  if (names.length === 0) return { lines: [`${name ?? ''}\tfailed\t${none}`], works: false };
  const chosen = name === undefined ? names : [name];
  const trials = await Promise.all(
    chosen.map(async (each) => {
      const says = `There is no such connection. Known: ${names.join(', ')}.`;
      return (await desk.test(each)) ?? { name: each, works: false, says };
    }),
  );
  return {
    lines: trials.map(({ name, works, says }) =>
      [name, works ? 'ok' : 'failed', says.replaceAll('\t', ' ')].join('\t'),
    ),
    works: trials.every(({ works }) => works),
  };
}
