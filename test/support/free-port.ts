import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * For port 0, systems give a port from 32768 (Linux) or 49152 (IANA) on. Below that, no other test gets the port before
 * its peer listens. Tests that run at once are processes, each with its own ports.
 */
const FIRST = 16_384;
const PORTS = 32;
const OWN = FIRST + (process.pid % 512) * PORTS;

let asked = 0;

/** A port of 127.0.0.1 that nothing listens on, for a peer that can't be told to choose one itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = OWN + (asked++ % PORTS);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') continue;
      throw error;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Whether something listens on a port of 127.0.0.1. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
