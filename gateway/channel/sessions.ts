import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Conversation } from './conversation.js';

/** How long the client that has a session may take to show that it is still there, in milliseconds. */
const PROBE_MS = 3_000;

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
 * the same one gets a session of their own. A client that comes back after its connection broke gets its session.
 */
export class Sessions {
  readonly #key: Buffer;
  /** Undefined while the connection is being made. */
  readonly #claimed = new Map<string, { conversation?: Conversation }>();

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** @returns the conversation that a client with this session has left and can be joined to */
  left(kernelId: string, principal: string, session: string): Conversation | undefined {
    const conversation = this.#claimed.get(this.#idOf(kernelId, principal, session))?.conversation;
    return conversation?.isLeft ? conversation : undefined;
  }

  #idOf(kernelId: string, principal: string, session: string): string {
    const text = JSON.stringify([kernelId, principal, session]);
    return createHmac('sha256', this.#key).update(text).digest('hex').slice(0, 32);
  }

  /** @param session the client's `session_id` */
  async claim(kernelId: string, principal: string, session: string): Promise<Claim> {
    const id = this.#idOf(kernelId, principal, session);
    const owner = this.#claimed.get(id);
    if (owner && (owner.conversation === undefined || (await isThere(owner.conversation))))
      return this.#take(newId());
    // Asking took time: another one may have come first.
    return this.#take(this.#claimed.get(id) === owner ? id : newId());
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

/** Asks a client's socket; ends it when there is no answer. */
async function isThere({ client, isLeft }: Conversation): Promise<boolean> {
  // One that waits for its own client isn't free either.
  if (client === undefined) return isLeft;
  if (client.readyState !== client.OPEN) return false;
  // A socket that the gateway itself has paused can't answer.
  if (client.isPaused) return true;
  client.ping();
  const limit = AbortSignal.timeout(PROBE_MS);
  const left = once(client, 'close', { signal: limit }).then(() => false);
  const answered = once(client, 'pong', { signal: limit }).then(() => true);
  return Promise.race([answered, left]).catch(() => {
    client.terminate();
    return false;
  });
}
