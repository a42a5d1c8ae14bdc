import { ALLOWED, type Decision, type Holder, lacks, refused } from './decision.js';

/** A value that a cell asks for by a reference. */
export interface ValueSubject {
  readonly kind: 'value';
  /** As the cell has it, e.g. `runtime_env:API_KEY`. */
  readonly reference: string;
  /** True when a connection takes its credential from there. */
  readonly reserved: boolean;
  /** True when SPIN_RUNTIME_ENV lists the name: cells are meant to have it. */
  readonly listed: boolean;
}

export function decideValue(
  holder: Holder | undefined,
  { reference, reserved, listed }: ValueSubject,
): Decision {
  const lacking = lacks(holder, 'secrets:use');
  if (lacking) return lacking;
  if (!reserved || listed) return ALLOWED;
  return refused(
    'NOT_PERMITTED',
    `{{${reference}}} is the credential of a connection: cells use the connection, not its credential.`,
  );
}
