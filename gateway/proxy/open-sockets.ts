import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';

/** What the other end of a websocket waits for. */
export interface Work {
  /** Resolves when nothing of it runs any more. */
  settled(): Promise<void>;
  /** Ends what only this gateway can end, in order: it would wait for ever. */
  giveUp(): void;
}

const NONE: Work = { settled: async () => {}, giveUp() {} };

/**
 * How long (ms) a client that is told to give up has for it, or half of the limit where that is less: a kernel that waits for
 * an answer asks twice a second, and on a busy machine when it has the processor.
 */
const GIVE_UP_MS = 5_000;

/** Whose: a client's with a kernel, a client's that passes unread, or a kernel's whose client has left. */
export type SocketKind = 'kernel' | 'tunnel' | 'left';

export interface SocketOptions {
  /** Default: it may be closed at any time. */
  readonly work?: Work;
  /** Aborted when its principal may have it no more. */
  readonly ended?: AbortSignal | undefined;
}

interface Open {
  readonly kind: SocketKind;
  readonly work: Work;
  /** It is no longer closed with its principal. */
  readonly release: () => void;
}

/** The websockets that are open: what ends with a principal, and what a gateway that ends says goodbye to. */
export class OpenSockets {
  readonly #open = new Map<WebSocket, Open>();
  #ending = false;

  add(socket: WebSocket, kind: SocketKind, { work = NONE, ended }: SocketOptions = {}): void {
    // A client that asked on an existing connection comes too late.
    if (this.#ending && kind !== 'left') {
      bye(socket);
      return;
    }
    const out = () => logOut(socket);
    const release = () => ended?.removeEventListener('abort', out);
    this.#open.set(socket, { kind, work, release });
    socket.once('close', () => this.remove(socket));
    ended?.addEventListener('abort', out, { once: true });
    // Opening took time: its principal may have ended meanwhile.
    if (ended?.aborted) out();
  }

  /** It is another's now: a client that was away has come back. */
  remove(socket: WebSocket): void {
    this.#open.get(socket)?.release();
    this.#open.delete(socket);
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
    const last = Math.min(GIVE_UP_MS, limitMs / 2);
    await this.#settle(limitMs - last);
    for (const { work } of this.#open.values()) work.giveUp();
    await this.#settle(last);
    for (const socket of this.#open.keys()) this.#dismiss(socket);
  }

  async #settle(limitMs: number): Promise<void> {
    const over = new AbortController();
    const limit = sleep(limitMs, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([this.#allSettled(), limit]);
    over.abort();
  }

  async #allSettled(): Promise<void> {
    const settled = ([socket, { work }]: [WebSocket, Open]) =>
      work.settled().then(() => this.#dismiss(socket));
    // Again: a client that leaves in the middle of a brokered cell leaves its kernel's socket.
    while (this.#open.size > 0) await Promise.all([...this.#open].map(settled));
  }

  #dismiss(socket: WebSocket): void {
    if (this.#open.delete(socket)) bye(socket);
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
  // A client that never answers the close frame gets nothing more.
  setTimeout(() => socket.terminate(), 1_000).unref();
}
