import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { CellError } from '../../processors/core/processor.js';
import { Secret } from '../../processors/core/secret.js';
import { codeOf } from '../error-code.js';

/** Where Docker mounts secrets; Kubernetes' volumes go wherever `secrets.folder` says. */
export const DEFAULT_SECRETS_FOLDER = '/run/secrets';

/** The longest secret that is read from a file, in bytes. */
const LONGEST = 64 * 1024;

/** The names that a reference can have: nothing that leaves the folder. */
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/**
 * The `file` store: a mounted folder with one file a secret. Read anew for every use, since mounts change under a
 * running process. One newline at the end doesn't belong to the secret: editors and `echo` write it.
 *
 * @returns undefined when there is no such file
 * @throws {CellError} when there is one that isn't a secret, or can't be read; quotes nothing of it
 */
export function readSecretFile(folder: string, name: string): Secret | undefined {
  if (!FILE_NAME.test(name)) return undefined;
  const content = contentOf(join(folder, name), (what) => new CellError(`The secret ${name} ${what}.`));
  return content && new Secret(content.toString('utf8').replace(/\r?\n$/, ''));
}

/** Reads no more than a secret may have, and never waits: a pipe would stop the gateway. */
function contentOf(path: string, refusal: (what: string) => CellError): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(file).isFile()) throw refusal('is not a file');
    const buffer = Buffer.alloc(LONGEST + 1);
    const content = buffer.subarray(0, readSync(file, buffer, 0, buffer.length, 0));
    if (content.length > LONGEST) throw refusal(`is larger than ${LONGEST / 1024} KiB`);
    if (!isUtf8(content)) throw refusal('is not text in UTF-8');
    return content;
  } catch (error) {
    if (error instanceof CellError) throw error;
    const code = codeOf(error) ?? 'unreadable';
    if (code === 'ENOENT') return undefined;
    throw refusal(`can't be read by the gateway (${code})`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** @returns the names in the folder that a reference can have; none when there is no such folder */
export function secretFileNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => FILE_NAME.test(name));
  } catch {
    return [];
  }
}
