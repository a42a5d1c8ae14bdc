import { hkdfSync } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import type { Secret } from '../../processors/core/secret.js';

const ISSUER = 'spin-runtime';
const ALGORITHM = 'HS256';

/** What the gateway signs. Each kind has its own key, type and audience, so that none passes for another. */
const kinds = {
  session: { typ: 'spin-session+jwt', lifetime: 12 * 60 * 60 },
  // By plain HTTP on loopback names, whose cookie browsers guard less: it is none by https.
  'plain-session': { typ: 'spin-plain-session+jwt', lifetime: 12 * 60 * 60 },
} as const;

export type Kind = keyof typeof kinds;

/** How long one kind is good for, in seconds. */
export function lifetime(kind: Kind): number {
  return kinds[kind].lifetime;
}

/** What a valid token of ours says; times are seconds since 1970. */
export interface Claims {
  readonly id: string;
  /** Name of the token that it was given for. */
  readonly subject: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface Signer {
  sign(kind: Kind, id: string, subject: string): Promise<string>;
  /** The one place that judges a JWT: algorithm, type, issuer, audience and claims are always pinned. */
  verify(kind: Kind, jwt: string): Promise<Claims | 'expired' | 'invalid'>;
}

/**
 * Signs with keys derived from SPIN_TOKEN (HKDF, RFC 5869): another replica knows the same sessions, and changing the
 * token ends every one of them.
 *
 * @param clock milliseconds since 1970
 */
export function createSigner(token: Secret, clock: () => number): Signer {
  const derive = (kind: Kind) =>
    new Uint8Array(hkdfSync('sha256', token.reveal(), '', `${ISSUER} ${kind} 1`, 32));
  const keys = { session: derive('session'), 'plain-session': derive('plain-session') };

  return {
    sign(kind, id, subject) {
      const now = Math.floor(clock() / 1000);
      return new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM, typ: kinds[kind].typ })
        .setIssuer(ISSUER)
        .setAudience(kind)
        .setSubject(subject)
        .setJti(id)
        .setIssuedAt(now)
        .setExpirationTime(now + kinds[kind].lifetime)
        .sign(keys[kind]);
    },

    async verify(kind, jwt) {
      try {
        const { payload } = await jwtVerify(jwt, keys[kind], {
          algorithms: [ALGORITHM],
          typ: kinds[kind].typ,
          issuer: ISSUER,
          audience: kind,
          requiredClaims: ['iss', 'aud', 'sub', 'jti', 'iat', 'exp'],
          maxTokenAge: kinds[kind].lifetime,
          currentDate: new Date(clock()),
        });
        const { jti, sub, iat, exp } = payload;
        if (jti === undefined || sub === undefined || iat === undefined || exp === undefined)
          return 'invalid';
        return { id: jti, subject: sub, issuedAt: iat, expiresAt: exp };
      } catch (error) {
        return error instanceof errors.JWTExpired ? 'expired' : 'invalid';
      }
    },
  };
}
