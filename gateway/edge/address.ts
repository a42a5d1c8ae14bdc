import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Listen } from '../config.js';

/**
 * Checks that an address is free before certificates, state or a Jupyter are made for it.
 * @throws the system's error when it can't be bound
 */
export async function tryAddress(listen: Listen): Promise<void> {
  if (listen.kind === 'unix') return;
  const server = createServer().listen(listen.port, listen.host);
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
