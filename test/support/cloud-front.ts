import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import type { Asked } from '../processors/rest-server.js';
import { AZURE_TOKEN, GOOGLE_TOKEN, secretOf } from './clouds.js';
import { PASSWORD, type Prometheus } from './prometheus.js';
import { signerOf } from './sigv4.js';

/** What a cloud's front says to a request without its proof. */
const checks: Readonly<Record<string, (asked: Asked) => boolean>> = {
  aws: (asked) => {
    const signer = signerOf(asked, secretOf);
    return signer?.service === 'aps' && signer.region === 'eu-west-1';
  },
  azure: ({ headers }) => headers.authorization === `Bearer ${AZURE_TOKEN}`,
  google: ({ headers }) => headers.authorization === `Bearer ${GOOGLE_TOKEN}`,
};

/**
 * A real Prometheus as a cloud offers it: each path begins with the cloud's name, and needs its proof. What is refused
 * quotes the whole request, as services do.
 *
 * @returns its origin; it ends with the test
 */
export async function startCloudFront(t: Test, prometheus: Prometheus): Promise<string> {
  const basic = `Basic ${Buffer.from(`${prometheus.user}:${PASSWORD}`).toString('base64')}`;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    const asked = { method, url, headers, body: Buffer.concat(chunks).toString() };
    const [, cloud = '', path = ''] = /^\/(\w+)(\/.*)$/.exec(url) ?? [];
    if (checks[cloud]?.(asked) !== true) {
      response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify(asked));
      return;
    }
    const answer = await fetch(`${prometheus.url}${path}`, {
      method,
      headers: { authorization: basic, 'content-type': headers['content-type'] ?? '' },
      ...(method === 'POST' && { body: asked.body }),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
