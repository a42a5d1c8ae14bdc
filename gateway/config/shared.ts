import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { Env } from './env.js';
import { Mistake } from './problems.js';

/** Replicas that don't have all of this in common would each be a separate runtime. */
export function sharedFolder(path: string, { SPIN_TOKEN, SPIN_UPSTREAM, SPIN_PUBLIC_URL }: Env): string {
  if (!isAbsolute(path) || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Mistake(
      `"${path}" is not a folder that exists.`,
      'The absolute path of a folder that all replicas mount. The gateway does not create it, so that a missing mount is noticed.',
    );
  }
  if (SPIN_TOKEN === undefined || SPIN_UPSTREAM === undefined || SPIN_PUBLIC_URL === undefined) {
    throw new Mistake(
      'Replicas must share more than a folder.',
      'Also set SPIN_TOKEN, SPIN_UPSTREAM and SPIN_PUBLIC_URL, each to the same value on all replicas.',
    );
  }
  return path;
}
