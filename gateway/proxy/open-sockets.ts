import type { WebSocket } from 'ws';

/** The clients' websockets that are open: what a gateway that ends says goodbye to. */
export class OpenSockets {
  readonly #open = new Set<WebSocket>();

  add(client: WebSocket): void {
    this.#open.add(client);
    client.once('close', () => this.#open.delete(client));
  }

  /** 1001: "going away", such as a server going down (RFC 6455 section 7.4.1). Clients reconnect by themselves. */
  closeAll(): void {
    for (const client of this.#open) {
      // A paused socket would never read the answering close frame.
      client.resume();
      client.close(1001, 'The gateway is ending.');
    }
  }
}
