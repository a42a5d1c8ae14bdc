import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { ConnectionKind } from './core/connection.js';
import type { Processor } from './core/processor.js';
import { builtIn } from './index.js';
import { toolkit } from './toolkit.js';

/** Why an add-on is not loaded: names the file and says what to do. */
export class AddOnError extends Error {
  override readonly name = 'AddOnError';
}

const shape = z.object({
  name: z.string().regex(/^[a-z][a-z0-9_-]{0,30}$/, 'lower-case letters, digits, - and _'),
  summary: z.string().min(1).max(200),
  example: z.string().max(2_000).optional(),
  connection: z
    .object({
      settings: z.custom<ConnectionKind['settings']>((value) => value instanceof z.ZodType, 'a zod schema'),
      test: z.custom<ConnectionKind['test']>((value) => typeof value === 'function', 'a function'),
    })
    .optional(),
  options: z.record(
    z.string().regex(/^[a-z][a-z0-9-]*$/),
    z.object({ type: z.enum(['string', 'number', 'flag']), help: z.string() }),
  ),
  compile: z.custom<Processor['compile']>((value) => typeof value === 'function', 'a function'),
});

/**
 * Loads a user's own processors: each `*.mjs` file of a folder, whose default export is a {@link Processor}, or a
 * function that makes one of the {@link Toolkit}.
 * They run in the gateway, with its credentials; so only the gateway's owner may be able to change them.
 *
 * @param jupyterUid the user that the embedded Jupyter runs as, where it has its own user
 * @returns in order of their file names; nothing when the folder isn't there
 * @throws {AddOnError} with the file and what to do
 */
export async function loadAddOns(folder: string, jupyterUid?: number): Promise<Processor[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new AddOnError(`${folder} can't be read (${error.code}).`, { cause: error });
  });
  const loaded: Processor[] = [];
  for (const name of names.filter((each) => each.endsWith('.mjs')).sort()) {
    const file = join(folder, name);
    await refuseChangeable(file, jupyterUid);
    const processor = await load(file);
    if (processor.name === 'spin' || [...builtIn, ...loaded].some((other) => other.name === processor.name)) {
      throw new AddOnError(
        `${file}: a processor named ${processor.name} already exists. Give it another name.`,
      );
    }
    loaded.push(processor);
  }
  return loaded;
}

async function load(file: string): Promise<Processor> {
  let found: unknown;
  try {
    const module: { readonly default?: unknown } = await import(pathToFileURL(file).href);
    found = typeof module.default === 'function' ? await module.default(toolkit) : module.default;
  } catch (error) {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new AddOnError(`${file} can't be loaded (${why}). Fix it, or move it away.`, { cause: error });
  }
  const checked = shape.safeParse(found);
  if (!checked.success) {
    const faults = checked.error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`);
    throw new AddOnError(`${file}: its default export is not a processor (${faults.join('; ')}). Fix it.`);
  }
  // The object itself: its compile() may use `this`.
  return found as Processor;
}

/** Looks at the file, and where it is a link also at the place of the link, up to the root. */
async function refuseChangeable(file: string, jupyterUid: number | undefined): Promise<void> {
  let target: string;
  let place: string;
  try {
    target = await realpath(file);
    place = join(await realpath(dirname(file)), basename(file));
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code;
    throw new AddOnError(`${file} can't be read (${why}). Fix it, or move it away.`, { cause: error });
  }
  const refuse = (path: string, who: string) => {
    throw new AddOnError(
      `${file} is not loaded: ${path} can be written by ${who}. Use chmod go-w, or chown.`,
    );
  };
  const look = async (path: string, stickyProtects: boolean): Promise<void> => {
    const { uid, mode } = await stat(path);
    if (uid === jupyterUid) refuse(path, "Jupyter's user");
    if ((mode & 0o022) !== 0 && !((mode & 0o1000) !== 0 && stickyProtects))
      refuse(path, 'users other than its owner');
  };
  await look(target, false);
  for (const path of new Set([target, place])) {
    for (let folder = dirname(path), inside = true; ; folder = dirname(folder), inside = false) {
      // In a sticky folder other users can't replace a file, but they can add one.
      await look(folder, !inside);
      if (dirname(folder) === folder) break;
    }
  }
}
