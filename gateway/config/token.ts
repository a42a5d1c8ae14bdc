import { randomBytes } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { Secret } from '../../processors/core/secret.js';
import { writeState } from '../state.js';
import type { Env } from './env.js';
import { Mistake } from './problems.js';

/** The shortest token that can't be guessed over a network, in characters; and the random bytes of a generated one. */
const SHORTEST = 16;
const GENERATED_BYTES = 24;

/** @throws {Mistake} that never quotes the token */
function checkToken(token: string, loopback: boolean): Secret {
  if (/[\s\u0000-\u001f\u007f]/.test(token))
    throw new Mistake(
      'It contains white space or control characters.',
      'Printable characters without spaces.',
    );
  if (!loopback && token.length < SHORTEST) {
    throw new Mistake(
      `It has ${token.length} characters, and this runtime can be reached from other machines.`,
      `${SHORTEST} characters or more, e.g. from: openssl rand -hex 24`,
    );
  }
  return new Secret(token);
}

export function readToken({ SPIN_TOKEN: token }: Env, loopback: boolean): Secret | undefined {
  if (token !== undefined) return checkToken(token, loopback);
  if (loopback) return undefined;
  throw new Mistake(
    'It is not set, and this runtime can be reached from other machines.',
    'A secret of 16 characters or more, e.g. from: openssl rand -hex 24',
  );
}

/** A client that has it must not have the other. */
export function readMetricsToken(env: Env, loopback: boolean): Secret | undefined {
  const { SPIN_METRICS_TOKEN: token } = env;
  if (token === undefined) return undefined;
  if (token === env.SPIN_TOKEN)
    throw new Mistake(
      'It is the same as SPIN_TOKEN.',
      'A separate secret, which gives access to metrics only.',
    );
  return checkToken(token, loopback);
}

/**
 * The token that was generated for this loopback-only runtime, made at its first start.
 *
 * @param looksOnly writes nothing: if there is none yet, the returned one is not saved
 */
export async function generatedToken(file: string, looksOnly: boolean): Promise<Secret> {
  const kept = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Mistake(
      `The saved token ${file} cannot be read (${error.code}).`,
      'Make the file readable, remove it, or set SPIN_TOKEN.',
    );
  });
  if (kept !== undefined && kept.trim() !== '') {
    // The user may have copied it: only the gateway may read it.
    if (!looksOnly) await chmod(file, 0o600);
    return checkToken(kept.trim(), true);
  }
  const token = randomBytes(GENERATED_BYTES).toString('base64url');
  if (looksOnly) return new Secret(token);
  await writeState(file, `${token}\n`).catch((error: NodeJS.ErrnoException) => {
    throw new Mistake(
      `SPIN_TOKEN is not set, and a generated token cannot be saved to ${file} (${error.code}).`,
      'Set SPIN_TOKEN, or free disk space (ENOSPC), or let the gateway write there.',
    );
  });
  return new Secret(token);
}
