import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PASSWORD, USER } from './prometheus.js';

/** Of {@link USER}. */
const BASIC = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;

export interface Guard {
  readonly url: string;
  /** Paths with their queries, in order. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/**
 * What stands before a service that has no authentication of its own, and quotes a credential that it refuses.
 *
 * @param right the whole value of the header Authorization; default {@link USER} with {@link PASSWORD}
 */
export async function startGuard(service: string, right: string = BASIC): Promise<Guard> {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(req.url ?? '');
    if (req.headers.authorization !== right)
      return void res.writeHead(401).end(`no: ${req.headers.authorization}`);
    const { authorization: _, host: __, ...headers } = req.headers;
    const onward = request(
      new URL(req.url ?? '/', service),
      { method: req.method ?? 'GET', headers },
      (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(res);
      },
    );
    onward.on('error', () => res.destroy());
    // An interrupt has to get through.
    res.on('close', () => onward.destroy());
    req.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
