import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { CellError } from './processor.js';
import { Secret } from './secret.js';

/**
 * The fields that connections of the catalogue are made of. A setting that holds a `{{…}}` reference comes as a
 * {@link Secret}; everything else as YAML has it.
 */

/** A credential: only ever by reference, never written out. */
export function credential() {
  return z.custom<Secret>((value) => value instanceof Secret, 'credential written out');
}

/** Text that may be written out, or come by reference (an address that differs between stages). */
export function text(isRight: (text: string) => boolean = () => true, wanted = 'a text') {
  const written = z.string(wanted).min(1, wanted).refine(isRight, wanted);
  // Empty: the catalogue is only being checked, and the value isn't known.
  const referred = z
    .custom<Secret>((value) => value instanceof Secret)
    .transform((value) => value.reveal())
    .refine((value) => value === '' || isRight(value), wanted);
  return z.union([referred, written], wanted);
}

/** Base URL of a service, without credentials, query or fragment. */
export function httpUrl() {
  return text(isBaseUrl, 'it has to be an http:// or https:// URL without credentials, query or fragment');
}

/** Absolute path of a file on the gateway's machine. */
export function file() {
  return text((path) => path.startsWith('/'), 'it has to be an absolute path');
}

/** How the service's certificate is verified, and the client's own one. */
export const tlsFields = {
  ca_file: file().optional(),
  cert_file: file().optional(),
  key_file: file().optional(),
};

/**
 * Read again for each use: a file may be replaced while the gateway runs.
 * @throws {CellError} naming the setting
 */
export function contentOf(setting: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CellError(`The gateway can't read the connection's ${setting}.`, { cause });
  }
}

function isBaseUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  return /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === '';
}
