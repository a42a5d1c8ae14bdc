import { createHmac, randomUUID } from 'node:crypto';
import type { ClientLink } from './client-link.js';

/** A session id for the upstream, kept for one connection until it ends. */
export interface Claim {
  readonly id: string;
  /** Binds it to a link: the claim ends with it. */
  hold(link: ClientLink): void;
  /** The connection came to nothing. */
  release(): void;
}

/**
 * The session ids under which the gateway connects to Jupyter. Every client of a kernel can read the others' session
 * ids in `parent_header`, and a stock server closes a session's socket when another client connects to that session.
 * So an id is HMAC(key, kernel ‖ principal ‖ the client's id). While its client is connected, another client with the
 * same id gets another session. A client that comes back after its connection broke, noticed or not, gets its session,
 * and goes on with its link where that waits for it.
 */
export class Sessions {
  readonly #key: Buffer;
  /** Undefined while the connection is being made. */
  readonly #claimed = new Map<string, { link?: ClientLink }>();

  constructor(key: Buffer) {
    this.#key = key;
  }

  #idOf(kernelId: string, principal: string, session: string): string {
    const text = JSON.stringify([kernelId, principal, session]);
    return createHmac('sha256', this.#key).update(text).digest('hex').slice(0, 32);
  }

  /**
   * @param session the client's `session_id`
   * @param speaks whether the client speaks a link's subprotocol
   * @returns the link of this session that the client goes on with: it was left, or its own client is silent;
   *   else what it connects with
   */
  async enter(
    kernelId: string,
    principal: string,
    session: string,
    speaks: (protocol: string) => boolean,
  ): Promise<ClientLink | Claim> {
    const id = this.#idOf(kernelId, principal, session);
    const owner = this.#claimed.get(id);
    if (owner === undefined) return this.#take(id);
    const { link } = owner;
    if (link === undefined || (await isThere(link))) return this.#take(newId());
    if (speaks(link.protocol)) {
      link.leave();
      if (link.isLeft) return link;
    }
    // One that waits for its own client isn't free. And asking took time: another one may have come first.
    const isFree = !link.isLeft && (this.#claimed.get(id) ?? owner) === owner;
    link.client?.terminate();
    return this.#take(isFree ? id : newId());
  }

  #take(id: string): Claim {
    const place: { link?: ClientLink } = {};
    this.#claimed.set(id, place);
    const release = () => {
      if (this.#claimed.get(id) === place) this.#claimed.delete(id);
    };
    return {
      id,
      release,
      hold(link) {
        place.link = link;
        link.onEnd(release);
      },
    };
  }
}

function newId(): string {
  return randomUUID().replaceAll('-', '');
}

/** Asks a client's socket. */
async function isThere(link: ClientLink): Promise<boolean> {
  const { client } = link;
  if (client === undefined || client.readyState !== client.OPEN) return false;
  // A socket that the gateway itself has paused can't answer.
  return client.isPaused || link.answers();
}
