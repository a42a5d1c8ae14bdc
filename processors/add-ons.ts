import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { ConnectionKind } from './connection.js';
import { builtIn } from './index.js';
import type { Processor } from './processor.js';

/** Why an add-on is not loaded: names the file and says what to do. */
export class AddOnError extends Error {
  override readonly name = 'AddOnError';
}

const shape = z.object({
  name: z.string().regex(/^[a-z][a-z0-9_-]{0,30}$/, 'lower-case letters, digits, - and _'),
  summary: z.string().min(1).max(200),
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
 * Loads a user's own processors: each `*.mjs` file of a folder, whose default export is a {@link Processor}.
 * They run in the gateway, with its credentials; so nobody but the gateway's owner may be able to change them.
 *
 * @param jupyterUid the user that the embedded Jupyter runs as, where it has one of its own
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
    await refuseWritable(file, await realpath(file), jupyterUid);
    const processor = await load(file);
    if (processor.name === 'spin' || [...builtIn, ...loaded].some((other) => other.name === processor.name)) {
      throw new AddOnError(`${file}: there is a processor ${processor.name} already. Give it another name.`);
    }
    loaded.push(processor);
  }
  return loaded;
}

async function load(file: string): Promise<Processor> {
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new AddOnError(`${file} can't be loaded: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
  const checked = shape.safeParse(module.default);
  if (!checked.success) {
    const faults = checked.error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`);
    throw new AddOnError(`${file}: its default export is not a processor (${faults.join('; ')}).`);
  }
  // The object itself: its compile() may use `this`.
  return module.default as Processor;
}

/** Whoever can write to a folder can put another file in the place of one; a sticky folder protects its files. */
async function refuseWritable(file: string, path: string, jupyterUid: number | undefined): Promise<void> {
  const { uid, mode } = await stat(path);
  const sticky = (mode & 0o1000) !== 0;
  const open = (mode & 0o022) !== 0 && !sticky;
  if (open || (jupyterUid !== undefined && uid === jupyterUid)) {
    const who = open ? 'others than its owner' : "Jupyter's user";
    throw new AddOnError(
      `${file} is not loaded: ${path} can be written by ${who}. Use chmod go-w, or chown.`,
    );
  }
  if (dirname(path) !== path) await refuseWritable(file, dirname(path), jupyterUid);
}
