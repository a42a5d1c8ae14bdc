import type { WebSocket } from 'ws';

/** The clients' websockets that are open: what ends with a session, and what a gateway that ends says goodbye to. */
export class OpenSockets {
  readonly #open = new Map<WebSocket, string | undefined>();
  readonly #isEnded: (session: string) => boolean;

  /** @param isEnded true for a session that is over; throws where that can't be known */
  constructor(isEnded: (session: string) => boolean = () => false) {
    this.#isEnded = isEnded;
  }

  /** @param session the cookie's session that it was opened with */
  add(client: WebSocket, session?: string): void {
    this.#open.set(client, session);
    client.once('close', () => this.#open.delete(client));
    // Opening took time: its session may have ended meanwhile.
    if (session !== undefined && this.#hasEnded(session)) endSession(client);
  }

  closeSession(session: string): void {
    for (const [client, its] of this.#open) if (its === session) endSession(client);
  }

  /** 1001: "going away", such as a server going down (RFC 6455 section 7.4.1). Clients reconnect by themselves. */
  closeAll(): void {
    for (const client of this.#open.keys()) close(client, 1001, 'The gateway is ending.');
  }

  #hasEnded(session: string): boolean {
    try {
      return this.#isEnded(session);
    } catch {
      return true;
    }
  }
}

/** 1008: "policy violation" (RFC 6455 section 7.4.1). A client that connects again is refused by its cookie. */
function endSession(client: WebSocket): void {
  close(client, 1008, 'This session was logged out.');
  // Whoever never answers the close frame gets nothing more for it.
  setTimeout(() => client.terminate(), 2_000).unref();
}

function close(client: WebSocket, code: number, reason: string): void {
  // A paused socket would never read the answering close frame.
  client.resume();
  client.close(code, reason);
}
