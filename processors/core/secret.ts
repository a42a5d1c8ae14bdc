import { inspect } from 'node:util';

/**
 * A value that must never be printed: a token, a credential, a `runtime_env` value.
 * Every implicit way to text gives `***`; {@link Secret.reveal} is the only way to the value,
 * so `grep reveal` lists all places that can leak one.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  [inspect.custom](): string {
    return 'Secret(***)';
  }
}

/** Every secret in a value, however deep. */
export function secretsIn(value: unknown): Secret[] {
  if (value instanceof Secret) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(secretsIn) : [];
}
