import type { Catalogue } from './catalogue.js';
import type { CatalogueProblem } from './problem.js';
import type { Trial, TryConnection } from './trial.js';

/** What people and programs may learn of the connections: names and whether they work, never a setting. */
export interface ConnectionDesk {
  list(): readonly { readonly name: string; readonly type: string; readonly isDefault: boolean }[];
  /** Why the file as it is now isn't in use; empty when it is. */
  problems(): readonly CatalogueProblem[];
  /** Never rejects. @returns undefined when there is no such connection */
  test(name: string): Promise<(Trial & { readonly name: string }) | undefined>;
}

/** The one way in for the command line and the API. */
export function createDesk(
  catalogue: Pick<Catalogue, 'all' | 'problems'>,
  tryConnection: TryConnection,
): ConnectionDesk {
  const running = new Map<string, Promise<Trial>>();
  return {
    list: () => catalogue.all().map(({ name, type, isDefault }) => ({ name, type, isDefault })),
    problems: () => catalogue.problems(),
    async test(name) {
      const connection = catalogue.all().find((each) => each.name === name);
      if (connection === undefined) return undefined;
      // However many ask, a service is asked once at a time (invariant S15).
      const trial = running.get(name) ?? tryConnection(connection).finally(() => running.delete(name));
      running.set(name, trial);
      return { name, ...(await trial) };
    },
  };
}
