import { GatewayError, type Refusal, sentenceOf } from '../errors.js';
import { holds, type Right, type Rights } from './rights.js';

/** The principal that asks. Nothing but its rights counts. */
export interface Holder {
  readonly rights: Rights;
}

export interface Refused {
  readonly allowed: false;
  readonly code: Refusal;
  /** A sentence that the user reads. */
  readonly reason: string;
  /** The setting that would allow it. */
  readonly setting?: 'SPIN_UNREAD';
}

/** What is decided; with it, where it is allowed, how it is treated. */
export type Decision<Treatment = object> = ({ readonly allowed: true } & Treatment) | Refused;

export const ALLOWED: Decision = { allowed: true };

/** @param reason replaces the sentence of the table of refusals */
export function refused(code: Refusal, reason = sentenceOf(code)): Refused {
  return { allowed: false, code, reason };
}

/** What SPIN_UNREAD would have to name. */
export function leftOut(reason: string): Refused {
  return { ...refused('PATH_NOT_ALLOWED', reason), setting: 'SPIN_UNREAD' };
}

/** @returns why it is refused; undefined when the holder has the right */
export function lacks(holder: Holder | undefined, right: Right | 'all'): Refused | undefined {
  if (holder === undefined) return refused('UNAUTHENTICATED');
  if (holds(holder.rights, right)) return undefined;
  const what = right === 'all' ? 'all rights' : `the right ${right}`;
  return refused('NOT_PERMITTED', `Your token does not allow that. It needs ${what}.`);
}

/**
 * @returns what is allowed
 * @throws {GatewayError} what is refused, by its code and reason
 */
export function orThrow<D extends Decision>(decision: D): Extract<D, { allowed: true }> {
  if (!decision.allowed) throw new GatewayError(decision.code, decision.reason);
  return decision as Extract<D, { allowed: true }>;
}
