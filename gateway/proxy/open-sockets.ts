import type { WebSocket } from 'ws';

/** Whose: a client's with a kernel, a client's that passes unread, or a kernel's whose client has left. */
export type SocketKind = 'kernel' | 'tunnel' | 'left';

/** The clients' websockets that are open: what a gateway that ends says goodbye to. */
export class OpenSockets {
  readonly #open = new Map<WebSocket, SocketKind>();

  add(client: WebSocket, kind: SocketKind): void {
    this.#open.set(client, kind);
    client.once('close', () => this.#open.delete(client));
  }

  /** How many there are of each kind. */
  counts(): ReadonlyMap<SocketKind, number> {
    const counts = new Map<SocketKind, number>([
      ['kernel', 0],
      ['tunnel', 0],
      ['left', 0],
    ]);
    for (const kind of this.#open.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  }

  /** 1001: "going away", such as a server going down (RFC 6455 section 7.4.1). Clients reconnect by themselves. */
  closeAll(): void {
    for (const client of this.#open.keys()) {
      // A paused socket would never read the answering close frame.
      client.resume();
      client.close(1001, 'The gateway is ending.');
    }
  }
}
