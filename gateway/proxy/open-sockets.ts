import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';

/** Resolves when nothing runs any more that the other end of a websocket waits for. */
export type Settled = () => Promise<void>;

const AT_ONCE: Settled = async () => {};

/** Whose: a client's with a kernel, a client's that passes unread, or a kernel's whose client has left. */
export type SocketKind = 'kernel' | 'tunnel' | 'left';

export interface SocketOptions {
  /** Default: it may be closed at any time. */
  readonly settled?: Settled;
  /** The cookie's session that it was opened with: it ends with it. */
  readonly session?: string | undefined;
}

interface Open {
  readonly kind: SocketKind;
  readonly settled: Settled;
  readonly session: string | undefined;
}

/** The websockets that are open: what ends with a session, and what a gateway that ends says goodbye to. */
export class OpenSockets {
  readonly #open = new Map<WebSocket, Open>();
  readonly #isEnded: (session: string) => boolean;
  #ending = false;

  /** @param isEnded true for a session that is over; throws where that can't be known */
  constructor(isEnded: (session: string) => boolean = () => false) {
    this.#isEnded = isEnded;
  }

  add(socket: WebSocket, kind: SocketKind, { settled = AT_ONCE, session }: SocketOptions = {}): void {
    // Whoever asked on a connection that was there already comes too late.
    if (this.#ending) {
      bye(socket);
      return;
    }
    this.#open.set(socket, { kind, settled, session });
    socket.once('close', () => this.#open.delete(socket));
    // Opening took time: its session may have ended meanwhile.
    if (session !== undefined && this.#hasEnded(session)) logOut(socket);
  }

  closeSession(session: string): void {
    for (const [socket, its] of this.#open) if (its.session === session) logOut(socket);
  }

  #hasEnded(session: string): boolean {
    try {
      return this.#isEnded(session);
    } catch {
      return true;
    }
  }

  /** How many there are of each kind. */
  counts(): ReadonlyMap<SocketKind, number> {
    const counts = new Map<SocketKind, number>([
      ['kernel', 0],
      ['tunnel', 0],
      ['left', 0],
    ]);
    for (const { kind } of this.#open.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  }

  /**
   * Closes each as soon as it has settled, and all of them after `limitMs`, with 1012: "the service is restarting",
   * so clients connect again by themselves (RFC 6455 section 7.4.1 and IANA's registry of close codes).
   */
  async drain(limitMs: number): Promise<void> {
    this.#ending = true;
    const over = new AbortController();
    const limit = sleep(limitMs, undefined, { signal: over.signal }).catch(() => {});
    await Promise.all(
      [...this.#open].map(([socket, { settled }]) =>
        Promise.race([settled(), limit]).then(() => bye(socket)),
      ),
    );
    over.abort();
  }
}

function bye(socket: WebSocket): void {
  // A paused socket would never read the answering close frame.
  socket.resume();
  socket.close(1012, 'The gateway is restarting.');
}

/** 1008: "policy violation" (RFC 6455 section 7.4.1). A client that connects again is refused by its cookie. */
function logOut(socket: WebSocket): void {
  socket.resume();
  socket.close(1008, 'This session was logged out.');
  // Whoever never answers the close frame gets nothing more for it.
  setTimeout(() => socket.terminate(), 1_000).unref();
}
