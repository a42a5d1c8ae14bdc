import { randomUUID } from 'node:crypto';
import { type Claims, type Kind, lifetime, type Signer } from './jwt.js';
import type { Revocations } from './revocations.js';

/** A session older than this, in seconds, is signed anew, so that 12 hours slide without a cookie in every response. */
const RENEW_AFTER = 60 * 60;

/** Cookies whose signature was checked: a page load sends the same one a hundred times, at 0.3 ms each. */
const REMEMBERED = 1000;

export interface Session {
  readonly id: string;
  /** The token's name that opened it. */
  readonly name: string;
  /** Replaces it where it is older: under the same id, so that logging out ends both. */
  readonly renewed: string | undefined;
}

/** Sessions live in their signed cookie; the gateway only remembers which were ended. */
export interface Sessions {
  /**
   * @param name the token's name that opens it
   * @param kind for https, or for plain HTTP: one is never accepted for the other
   */
  start(name: string, kind: Kind): Promise<string>;
  /** @returns undefined when it isn't ours, has expired or was ended */
  read(jwt: string, kind: Kind): Promise<Session | undefined>;
  /** Ends a session for good; one that isn't valid anyhow is no error. */
  end(jwt: string, kind: Kind): Promise<void>;
}

/** @param clock milliseconds since 1970 */
export function createSessions(signer: Signer, revocations: Revocations, clock: () => number): Sessions {
  const remembered = new Map<string, Claims>();
  const check = async (jwt: string, kind: Kind) => {
    const key = `${kind} ${jwt}`;
    const known = remembered.get(key);
    if (known !== undefined && known.expiresAt * 1000 > clock()) return known;
    remembered.delete(key);
    const claims = await signer.verify(kind, jwt);
    if (typeof claims === 'string') return undefined;
    const [oldest] = remembered.keys();
    if (oldest !== undefined && remembered.size >= REMEMBERED) remembered.delete(oldest);
    remembered.set(key, claims);
    return claims;
  };
  const verify = async (jwt: string, kind: Kind) => {
    const claims = await check(jwt, kind);
    return claims === undefined || revocations.has(claims.id) ? undefined : claims;
  };

  return {
    start: (name, kind) => signer.sign(kind, randomUUID(), name),

    async read(jwt, kind) {
      const claims = await verify(jwt, kind);
      if (claims === undefined) return undefined;
      const old = clock() / 1000 - claims.issuedAt > RENEW_AFTER;
      const renewed = old ? await signer.sign(kind, claims.id, claims.subject) : undefined;
      return { id: claims.id, name: claims.subject, renewed };
    },

    async end(jwt, kind) {
      const claims = await verify(jwt, kind);
      // No renewal is younger than this moment, so none outlives it by more than a lifetime.
      if (claims !== undefined)
        await revocations.revoke(claims.id, Math.ceil(clock() / 1000) + lifetime(kind));
    },
  };
}
