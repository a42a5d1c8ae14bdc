import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secret } from '../../../processors/core/secret.js';
import { GatewayError } from '../../errors.js';
import type { Delivered } from './delivered.js';
import { type Ask, createAsk, hasCode, makeFolder, READING, readBounded, WRITING } from './shared-folder.js';
import { folderOf, Keys, NAME } from './shared-keys.js';

/** A kernel is given one for each name that its cells use; rotated ones add to them. */
const MOST_VALUES = 1000;

/** Another replica may still have to show what an ended kernel has said; in milliseconds. */
const REST_MS = 60 * 60 * 1000;

const AWAY =
  'The folder of SPIN_SHARED cannot be read, so what this kernel shows cannot be checked. Check it.';
const DAMAGED =
  'SPIN_SHARED holds values of this kernel under another SPIN_TOKEN, or damaged. Shut the kernel down.';
const NOT_WRITTEN =
  'The folder of SPIN_SHARED cannot be written: other replicas would show the values of this cell. Check the folder.';
const FULL = `This kernel was given ${MOST_VALUES} values, which is what SPIN_SHARED keeps of one. Start a new kernel.`;

/** What one kernel was given, at whichever replica. */
export interface Shelf {
  /**
   * Fulfilled when every replica that looks from then on finds the values; until then no kernel may have them.
   *
   * @throws {GatewayError} SHARED_FOLDER_AWAY
   */
  put(values: readonly Secret[]): Promise<void>;
  /**
   * Finds what was put before it was called.
   *
   * @throws {GatewayError} SHARED_FOLDER_AWAY also for what can't be read: it couldn't be hidden
   */
  look(): Promise<void>;
}

export interface SharedValues {
  /** @param delivered gets what is put and what is found */
  shelf(kernelId: string, delivered: Delivered): Shelf;
  /** Removes the shelves, an hour after their last value, of all kernels but those that `living` gives. It is asked after the folder is read: no kernel is given values before it lives. */
  sweep(living: () => Promise<ReadonlySet<string>>): Promise<void>;
}

/**
 * The values that kernels were given, in the folder that all replicas share: a folder for each kernel, a file for each
 * value, encrypted and named with keys that are derived from SPIN_TOKEN. A file appears whole, under a name that only its
 * kernel and value give, so two replicas that write the same one are of no matter.
 *
 * @param shared absolute path of a folder that exists; a folder `delivered` is made in it
 * @throws {Error} when that can't be made
 */
export async function openSharedValues(shared: string, token: Secret): Promise<SharedValues> {
  // Below the folder itself, so that a mount point without its volume isn't taken for one without values.
  const root = join(shared, 'delivered');
  await makeFolder(root);
  const keys = new Keys(token);
  const [ask, write] = [createAsk(READING), createAsk(WRITING)];
  return {
    shelf: (kernelId, delivered) => new FolderShelf(root, kernelId, { keys, ask, write, delivered }),
    async sweep(living) {
      const names = await ask(AWAY, () => readdir(root));
      const stay = new Set([...(await living())].map(folderOf));
      for (const name of names) {
        const path = join(root, name);
        if (NAME.test(name) && !stay.has(name) && (await ask(AWAY, () => isOld(path))))
          await ask(AWAY, () => rm(path, { recursive: true, force: true }));
      }
    },
  };
}

async function isOld(path: string): Promise<boolean> {
  return Date.now() - (await stat(path)).mtimeMs > REST_MS;
}

interface ShelfParts {
  readonly keys: Keys;
  readonly ask: Ask;
  readonly write: Ask;
  readonly delivered: Delivered;
}

class FolderShelf implements Shelf {
  readonly #root: string;
  readonly #kernelId: string;
  readonly #folder: string;
  readonly #parts: ShelfParts;
  /** The names of values that this replica hides. */
  readonly #known = new Set<string>();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(root: string, kernelId: string, parts: ShelfParts) {
    this.#root = root;
    this.#kernelId = kernelId;
    this.#folder = join(root, folderOf(kernelId));
    this.#parts = parts;
  }

  async put(values: readonly Secret[]): Promise<void> {
    const { keys, write } = this.#parts;
    const named = values.map((value) => [keys.nameOf(this.#kernelId, value), value] as const);
    const fresh = new Map(named.filter(([name]) => !this.#known.has(name)));
    if (fresh.size === 0) return;
    if (this.#known.size + fresh.size > MOST_VALUES) throw new GatewayError('SHARED_FOLDER_AWAY', FULL);
    await write(NOT_WRITTEN, async () => {
      await makeFolder(this.#folder);
      for (const [name, value] of fresh) await this.#write(name, value);
    });
    this.#learn(fresh);
  }

  look(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    // The one that runs may have read the folder already; those who come meanwhile share the next one.
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#begin();
      });
    return this.#next;
  }

  #begin(): Promise<void> {
    const look = this.#parts
      .ask(AWAY, () => this.#read())
      .finally(() => {
        if (this.#running === look) this.#running = undefined;
      });
    this.#running = look;
    return look;
  }

  async #read(): Promise<void> {
    const found = new Map<string, Secret>();
    for (const name of await this.#names()) {
      if (!NAME.test(name) || this.#known.has(name)) continue;
      const text = await readBounded(join(this.#folder, name));
      const value = text === undefined ? undefined : await this.#parts.keys.decrypt(text);
      // A file of another kernel or value under this name isn't the gateway's.
      if (value === undefined || this.#parts.keys.nameOf(this.#kernelId, value) !== name)
        throw new GatewayError('SHARED_FOLDER_AWAY', DAMAGED);
      found.set(name, value);
    }
    this.#learn(found);
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#folder);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      // If the folder of all kernels exists, no gateway has put a value there for this kernel.
      await stat(this.#root);
      return [];
    }
  }

  async #write(name: string, value: Secret): Promise<void> {
    const path = join(this.#folder, name);
    // A random name, as in containers two replicas can have the same process id.
    const temporary = `${path}.${randomUUID()}`;
    const encrypted = await this.#parts.keys.encrypt(value);
    await writeFile(temporary, encrypted, { flag: 'wx', mode: 0o600, flush: true });
    await rename(temporary, path);
  }

  #learn(values: ReadonlyMap<string, Secret>): void {
    if (values.size === 0) return;
    this.#parts.delivered.add([...values.values()]);
    for (const name of values.keys()) this.#known.add(name);
  }
}
