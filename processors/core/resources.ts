import type { Environment } from './environment.js';

/** What is kept open from one cell to the next: connections, tokens, sessions. */
export interface Closable {
  /** Called once. Later calls of other methods must leave nothing open. */
  close(): void;
}

type Kind<T extends Closable> = new (environment: Environment) => T;

/**
 * What processors keep open between cells. The gateway makes one and closes it when it ends, so nothing of one gateway's
 * credentials outlives it, and two in a process share nothing.
 */
export class Resources {
  readonly #environment: Environment;
  readonly #parts = new Map<Kind<Closable>, Closable>();
  #isClosed = false;

  /** @param environment names the proxies that services are asked through */
  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** @returns the one of its class, made at its first use */
  of<T extends Closable>(Kind: Kind<T>): T {
    const known = this.#parts.get(Kind);
    if (known instanceof Kind) return known;
    const made = new Kind(this.#environment);
    this.#parts.set(Kind, made);
    if (this.#isClosed) made.close();
    return made;
  }

  close(): void {
    this.#isClosed = true;
    for (const part of this.#parts.values()) part.close();
  }
}
