import { setMaxListeners } from 'node:events';
import type { Rights } from '../policy/rights.js';

/** Who a request acts for, for as long as that is so. */
export interface Principal {
  /** Of the cookie's session; the name, where a token came by itself. */
  readonly id: string;
  /** The token's name in logs and audit; nothing is decided by it. */
  readonly name: string;
  /** What it may do: `policy/decide.ts` asks for nothing else. */
  readonly rights: Rights;
  /**
   * Aborted when the session is logged out, here or by another replica: whatever is open for it listens, and ends.
   * Undefined for a token that comes by itself: it holds as long as this process.
   */
  readonly ended: AbortSignal | undefined;
}

/** The principals that something may be open for. */
export class Principals {
  readonly #sessions = new Map<string, { readonly over: AbortController; seenAt: number }>();
  readonly #lifetimeMs: number;
  readonly #clock: () => number;

  /**
   * @param lifetimeMs how long a cookie is good, in milliseconds: a session that sent nothing for so long can't log out
   * @param clock milliseconds since 1970
   */
  constructor(lifetimeMs: number, clock: () => number) {
    this.#lifetimeMs = lifetimeMs;
    this.#clock = clock;
  }

  ofToken(name: string, rights: Rights): Principal {
    return { id: name, name, rights, ended: undefined };
  }

  /** @param id of a session that is not over now */
  ofSession(id: string, name: string, rights: Rights): Principal {
    return { id, name, rights, ended: this.#signalOf(id) };
  }

  /** The session is over. */
  end(id: string): void {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    session?.over.abort();
  }

  #signalOf(id: string): AbortSignal {
    const known = this.#sessions.get(id);
    const session = known ?? { over: manyMayListen(new AbortController()), seenAt: 0 };
    session.seenAt = this.#clock();
    // Behind all others: the first one is the one that was seen longest ago.
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    if (known === undefined) this.#forgetOld();
    return session.over.signal;
  }

  #forgetOld(): void {
    for (const [id, { seenAt }] of this.#sessions) {
      if (seenAt + this.#lifetimeMs > this.#clock()) return;
      this.#sessions.delete(id);
    }
  }
}

/** One page holds dozens of requests and websockets. */
function manyMayListen(over: AbortController): AbortController {
  setMaxListeners(0, over.signal);
  return over;
}
