import { randomUUID } from 'node:crypto';
import type { Secret } from '../../processors/secret.js';
import { createSigner, type Signer } from './jwt.js';
import type { Revocations } from './revocations.js';

/** Why a code logs nobody in. */
export type CodeProblem = 'expired' | 'spent' | 'invalid';

/**
 * The URL that logs in with one click: single use, ten minutes. Stateless until spent, so that
 * `spin-runtime login-url` can make one without asking the running gateway.
 *
 * @param base origin as browsers know this runtime, e.g. `https://localhost:8888`
 * @param name the token's name in logs
 */
export async function loginUrl(base: string | URL, token: Secret, name = 'owner'): Promise<string> {
  const url = new URL('/spin/login', base);
  url.searchParams.set('code', await createSigner(token, Date.now).sign('login-code', randomUUID(), name));
  return url.href;
}

/** Spends a login code: of any number of tries, one gets the name. */
export async function spendLoginCode(
  signer: Signer,
  revocations: Revocations,
  code: string,
): Promise<{ readonly name: string } | { readonly problem: CodeProblem }> {
  const claims = await signer.verify('login-code', code);
  if (typeof claims === 'string') return { problem: claims };
  if (!(await revocations.add(claims.id, claims.expiresAt))) return { problem: 'spent' };
  return { name: claims.subject };
}
