import { createHmac, hash, hkdfSync, randomUUID } from 'node:crypto';
import { constants, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CompactEncrypt, compactDecrypt } from 'jose';
import pLimit from 'p-limit';
import { Secret } from '../../processors/secret.js';
import { GatewayError } from '../errors.js';
import type { Delivered } from './delivered.js';

/** A kernel is given one for each name that its cells use; rotated ones add to them. */
const MOST_VALUES = 1000;

/** A value travels in one message of at most 10 MiB; here it takes a third more. */
const LARGEST_FILE = 16 * 1024 * 1024;

/** How long the folder may take to answer, in milliseconds; then it counts as away (fail closed). */
const PATIENCE_MS = 5_000;

/** A file system that hangs keeps a thread for each question, and node has four for everything. */
const AT_ONCE = 2;

/** What {@link Keys.nameOf} gives: other names, such as those of files that are being written, say nothing. */
const NAME = /^[0-9a-f]{32}$/;
const NAME_LENGTH = 32;

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
  /** Removes the shelves of all kernels but those that `living` gives. It is asked after the folder is read: no kernel is given values before it lives. */
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
  const line = pLimit(AT_ONCE);
  const ask: Ask = (sentence, work) => inTime(sentence, line(work));
  return {
    shelf: (kernelId, delivered) => new FolderShelf(root, kernelId, { keys, ask, delivered }),
    async sweep(living) {
      const names = await ask(AWAY, () => readdir(root));
      const stay = new Set([...(await living())].map(folderOf));
      for (const name of names)
        if (NAME.test(name) && !stay.has(name))
          await ask(AWAY, () => rm(join(root, name), { recursive: true, force: true }));
    },
  };
}

/** Does something in the folder; whatever fails becomes SHARED_FOLDER_AWAY with this sentence. */
type Ask = <T>(sentence: string, work: () => Promise<T>) => Promise<T>;

interface ShelfParts {
  readonly keys: Keys;
  readonly ask: Ask;
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
    const { keys, ask } = this.#parts;
    const named = values.map((value) => [keys.nameOf(this.#kernelId, value), value] as const);
    const fresh = new Map(named.filter(([name]) => !this.#known.has(name)));
    if (fresh.size === 0) return;
    if (this.#known.size + fresh.size > MOST_VALUES) throw new GatewayError('SHARED_FOLDER_AWAY', FULL);
    await ask(NOT_WRITTEN, async () => {
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
      const value = await this.#parts.keys.decrypt(await readBounded(join(this.#folder, name)));
      // A file of another kernel or value under this name is no file of ours.
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
      // Nobody has put anything there, if the folder of all kernels is there.
      await stat(this.#root);
      return [];
    }
  }

  async #write(name: string, value: Secret): Promise<void> {
    const path = join(this.#folder, name);
    // A name of its own: in containers two replicas can have the same process id.
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

/** What replicas that know the same SPIN_TOKEN have in common (HKDF, RFC 5869). */
class Keys {
  readonly #encryption: Uint8Array;
  readonly #names: Uint8Array;

  constructor(token: Secret) {
    const both = hkdfSync('sha256', token.reveal(), '', 'spin-runtime delivered values 1', 64);
    this.#encryption = new Uint8Array(both, 0, 32);
    this.#names = new Uint8Array(both, 32, 32);
  }

  /** Tells nothing of the value to whoever doesn't have the key, not even that two kernels were given the same. */
  nameOf(kernelId: string, value: Secret): string {
    const text = JSON.stringify([kernelId, value.reveal()]);
    return createHmac('sha256', this.#names).update(text).digest('hex').slice(0, NAME_LENGTH);
  }

  encrypt(value: Secret): Promise<string> {
    return new CompactEncrypt(Buffer.from(value.reveal()))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(this.#encryption);
  }

  /** @returns undefined for what wasn't encrypted with the same key */
  async decrypt(text: string): Promise<Secret | undefined> {
    const pinned = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };
    try {
      const { plaintext } = await compactDecrypt(text, this.#encryption, pinned);
      return new Secret(Buffer.from(plaintext).toString());
    } catch {
      return undefined;
    }
  }
}

/** A hash and no key: replicas with different tokens meet there, and see that they can't read each other's. */
function folderOf(kernelId: string): string {
  return hash('sha256', kernelId).slice(0, NAME_LENGTH);
}

async function makeFolder(path: string): Promise<void> {
  // Not recursive: a missing mount is an error.
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });
}

/** Opens no link, and waits for no pipe. */
async function readBounded(path: string): Promise<string> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const info = await file.stat();
    if (!info.isFile() || info.size > LARGEST_FILE) throw new GatewayError('SHARED_FOLDER_AWAY', DAMAGED);
    return await file.readFile('latin1');
  } finally {
    await file.close();
  }
}

async function inTime<T>(sentence: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), PATIENCE_MS).unref();
  });
  try {
    return await Promise.race([work, limit]);
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    throw new GatewayError('SHARED_FOLDER_AWAY', sentence, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
