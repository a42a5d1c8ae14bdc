import { createHmac, randomUUID } from 'node:crypto';
import type { Conversation } from './conversation.js';

/** A session id for the upstream, kept for one connection until it ends. */
export interface Claim {
  readonly id: string;
  /** Binds it to a conversation: the claim ends with it. */
  hold(conversation: Conversation): void;
  /** The connection came to nothing. */
  release(): void;
}

/**
 * The session ids under which the gateway connects to Jupyter. Every client of a kernel can read the others' session
 * ids in `parent_header`, and a stock server closes the socket of a session that somebody connects to again. So an
 * id is HMAC(key, kernel ‖ principal ‖ the client's id), and while the client that has it is there, whoever comes with
 * the same one gets a session of their own. A client that comes back after its connection broke, noticed or not, gets its
 * session, and goes on with its conversation where that waits for it.
 */
export class Sessions {
  readonly #key: Buffer;
  /** Undefined while the connection is being made. */
  readonly #claimed = new Map<string, { conversation?: Conversation }>();

  constructor(key: Buffer) {
    this.#key = key;
  }

  #idOf(kernelId: string, principal: string, session: string): string {
    const text = JSON.stringify([kernelId, principal, session]);
    return createHmac('sha256', this.#key).update(text).digest('hex').slice(0, 32);
  }

  /**
   * @param session the client's `session_id`
   * @param speaks whether the client speaks a conversation's subprotocol
   * @returns the conversation of this session that the client goes on with: it was left, or its own client is silent;
   *   else what it connects with
   */
  async enter(
    kernelId: string,
    principal: string,
    session: string,
    speaks: (protocol: string) => boolean,
  ): Promise<Conversation | Claim> {
    const id = this.#idOf(kernelId, principal, session);
    const owner = this.#claimed.get(id);
    if (owner === undefined) return this.#take(id);
    const { conversation } = owner;
    if (conversation === undefined || (await isThere(conversation))) return this.#take(newId());
    if (speaks(conversation.protocol)) {
      conversation.leave();
      if (conversation.isLeft) return conversation;
    }
    // One that waits for its own client isn't free. And asking took time: another one may have come first.
    const isFree = !conversation.isLeft && (this.#claimed.get(id) ?? owner) === owner;
    conversation.client?.terminate();
    return this.#take(isFree ? id : newId());
  }

  #take(id: string): Claim {
    const place: { conversation?: Conversation } = {};
    this.#claimed.set(id, place);
    const release = () => {
      if (this.#claimed.get(id) === place) this.#claimed.delete(id);
    };
    return {
      id,
      release,
      hold(conversation) {
        place.conversation = conversation;
        conversation.onEnd(release);
      },
    };
  }
}

function newId(): string {
  return randomUUID().replaceAll('-', '');
}

/** Asks a client's socket. */
async function isThere(conversation: Conversation): Promise<boolean> {
  const { client } = conversation;
  if (client === undefined || client.readyState !== client.OPEN) return false;
  // A socket that the gateway itself has paused can't answer.
  return client.isPaused || conversation.answers();
}
