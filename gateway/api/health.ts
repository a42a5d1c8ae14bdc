import type { ServerResponse } from 'node:http';

const HEADERS = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' } as const;

/**
 * `/healthz`: the process answers. For every client, also for pages of any origin: a UI elsewhere asks here
 * whether there is a runtime at all, and learns nothing more.
 */
export function sendHealth(res: ServerResponse): void {
  res.writeHead(200, { ...HEADERS, 'access-control-allow-origin': '*' });
  res.end('ok\n');
}

/**
 * `/readyz`: 200 when Jupyter can be reached, 503 otherwise; a status and nothing else.
 *
 * @param ready asks the upstream; a failure to ask is a no
 */
export async function sendReadiness(res: ServerResponse, ready: () => Promise<boolean>): Promise<void> {
  const yes = await ready().catch(() => false);
  res.writeHead(yes ? 200 : 503, HEADERS);
  res.end(yes ? 'ready\n' : 'not ready\n');
}
