import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '../../processors/secret.js';

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
 * @throws the system's error when there is one that can't be read
 */
export function readSecretFile(folder: string, name: string): Secret | undefined {
  if (!FILE_NAME.test(name)) return undefined;
  let content: Buffer;
  try {
    content = readFileSync(join(folder, name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  if (content.length > LONGEST) throw new Error(`the secret ${name} is larger than ${LONGEST} bytes`);
  return new Secret(content.toString('utf8').replace(/\r?\n$/, ''));
}

/** @returns the names in the folder that a reference can have; none when there is no such folder */
export function secretFileNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => FILE_NAME.test(name));
  } catch {
    return [];
  }
}
