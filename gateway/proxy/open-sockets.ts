import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';

/** Resolves when nothing runs any more that the other end of a websocket waits for. */
export type Settled = () => Promise<void>;

const AT_ONCE: Settled = async () => {};

/** The websockets that are open: what a gateway that ends says goodbye to. */
export class OpenSockets {
  readonly #open = new Map<WebSocket, Settled>();
  #ending = false;

  /** @param settled default: it may be closed at any time */
  add(socket: WebSocket, settled: Settled = AT_ONCE): void {
    // Whoever asked on a connection that was there already comes too late.
    if (this.#ending) {
      bye(socket);
      return;
    }
    this.#open.set(socket, settled);
    socket.once('close', () => this.#open.delete(socket));
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
      [...this.#open].map(([socket, settled]) => Promise.race([settled(), limit]).then(() => bye(socket))),
    );
    over.abort();
  }
}

function bye(socket: WebSocket): void {
  // A paused socket would never read the answering close frame.
  socket.resume();
  socket.close(1012, 'The gateway is restarting.');
}
