import type { Secret } from '../../core/secret.js';

/** For names that are offered while the user types: a service may give a credential back as one of them. */
export class Hiding {
  readonly #secrets: string[] = [];

  readonly hide = (secret: Secret): void => {
    const value = secret.reveal();
    if (value !== '') this.#secrets.push(value);
  };

  readonly isClean = (name: string): boolean => !this.#secrets.some((secret) => name.includes(secret));
}
