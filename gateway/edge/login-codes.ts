import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../processors/core/secret.js';
import { LOGIN_PATH } from './own-paths.js';
import type { Revocations } from './revocations.js';

/** Why a code does not log in. */
export type CodeProblem = 'expired' | 'spent' | 'invalid';

/** How long a code is good for, in seconds. */
const LIFETIME = 10 * 60;

/** Bytes of the time it was made, of chance, and of the signature: 80 bits, the least that RFC 2104 section 5 allows. */
const TIME = 4;
const CHANCE = 2;
const SIGNATURE = 10;

/** Makes and judges the codes of login links. */
export interface LoginCodes {
  /** @returns 22 characters of base64url */
  make(): string;
  /**
   * Spends a code: of any number of tries, at any replica, one succeeds.
   *
   * @returns undefined when it is good, and was not used before
   * @throws {GatewayError} SHARED_FOLDER_AWAY where it can't be known whether another replica took it; it isn't spent then
   */
  spend(code: string): Promise<CodeProblem | undefined>;
}

/**
 * Codes are short, so that a link fits into a line of a terminal, and need no state until they are used: a program that
 * knows SPIN_TOKEN can make one, `spin-runtime login-url` in another process or another replica.
 *
 * @param clock milliseconds since 1970
 */
export function createLoginCodes(
  token: Secret,
  revocations: Pick<Revocations, 'add'>,
  clock: () => number,
): LoginCodes {
  const { sign, make } = signerOf(token, clock);
  return {
    make,
    async spend(code) {
      if (!/^[\w-]{22}$/.test(code)) return 'invalid';
      const bytes = Buffer.from(code, 'base64url');
      const head = bytes.subarray(0, TIME + CHANCE);
      // Two spellings of the last character give the same bytes: an id is of the bytes.
      if (!timingSafeEqual(bytes.subarray(TIME + CHANCE), sign(head, 'code').subarray(0, SIGNATURE)))
        return 'invalid';
      const until = head.readUInt32BE() + LIFETIME;
      if (clock() / 1000 >= until) return 'expired';
      return (await revocations.add(idOf(sign(head, 'id')), until)) ? undefined : 'spent';
    },
  };
}

/**
 * The URL that logs in with one click: single use, ten minutes.
 *
 * @param base origin as browsers know this runtime, e.g. `https://localhost:8888`
 */
export async function loginUrl(base: string | URL, token: Secret): Promise<string> {
  const url = new URL(LOGIN_PATH, base);
  url.searchParams.set('code', signerOf(token, Date.now).make());
  return url.href;
}

function signerOf(token: Secret, clock: () => number) {
  const key = Buffer.from(hkdfSync('sha256', token.reveal(), '', 'spin-runtime login-code 2', 32));
  const sign = (head: Buffer, what: 'code' | 'id') =>
    createHmac('sha256', key).update(what).update(head).digest();
  const make = () => {
    const head = Buffer.concat([Buffer.alloc(TIME), randomBytes(CHANCE)]);
    head.writeUInt32BE(Math.floor(clock() / 1000));
    return Buffer.concat([head, sign(head, 'code').subarray(0, SIGNATURE)]).toString('base64url');
  };
  return { sign, make };
}

/** The name under which a spent code is kept, in the form of a session's: says nothing of the code. */
function idOf(digest: Buffer): string {
  const hex = digest.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}
