import { atMost, RESET_MS } from './patience.js';
import type { Session } from './session.js';

/** Idle sessions that are kept for each connection, and for how long (ms): a person's next cell finds one. */
const MOST_IDLE = 2;
const IDLE_MS = 30_000;

/** Keeps the sessions of cells that have ended for the next ones, by connection and settings. */
export class Pool<S extends Session> {
  readonly #idle = new Map<string, { readonly session: S; readonly timer: NodeJS.Timeout }[]>();
  #isClosed = false;

  /**
   * @param key all that makes a session what it is
   * @param open makes a new one
   */
  async take(key: string, open: () => Promise<S>): Promise<S> {
    for (;;) {
      const found = this.#idle.get(key)?.pop();
      if (found === undefined) return open();
      clearTimeout(found.timer);
      if (!found.session.isOpen) {
        found.session.close();
        continue;
      }
      found.session.hold(true);
      return found.session;
    }
  }

  /** Never rejects: a session that can't be made as new, or not in time, is ended. */
  async give(key: string, session: S): Promise<void> {
    let isAsNew = false;
    const reset = session.reset().then(() => {
      isAsNew = true;
    });
    await atMost(RESET_MS, reset);
    const idle = this.#idle.get(key) ?? [];
    if (!isAsNew || this.#isClosed || idle.length >= MOST_IDLE) {
      session.close();
      return;
    }
    const end = () => {
      const at = idle.findIndex((each) => each.session === session);
      if (at >= 0) idle.splice(at, 1);
      if (idle.length === 0) this.#idle.delete(key);
      session.close();
    };
    session.hold(false);
    idle.push({ session, timer: setTimeout(end, IDLE_MS).unref() });
    this.#idle.set(key, idle);
  }

  /** Ends what is idle, and keeps nothing any more. */
  close(): void {
    this.#isClosed = true;
    for (const { session, timer } of [...this.#idle.values()].flat()) {
      clearTimeout(timer);
      session.close();
    }
    this.#idle.clear();
  }
}
