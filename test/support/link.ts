import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a server on loopback that can break or freeze. */
export interface Link {
  readonly origin: string;
  /** Every connection is cut, and both ends notice. */
  cut(): void;
  /** The same, and no client gets a connection until it is mended. */
  break(): void;
  mend(): void;
  /** Nothing passes any more, and neither end notices: a closed lid. */
  freeze(): void;
  close(): Promise<void>;
}

export async function startLink(origin: string): Promise<Link> {
  const ends = new Set<Socket>();
  let broken = false;
  const target = new URL(origin);
  const server = createServer((near) => {
    if (broken) {
      near.on('error', () => {}).destroy();
      return;
    }
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        ends.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const end of ends) end.destroy();
  };
  return {
    origin: `${target.protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    break() {
      broken = true;
      cut();
    },
    mend() {
      broken = false;
    },
    freeze() {
      for (const end of ends) end.unpipe().pause();
    },
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
