import { request } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { json } from 'node:stream/consumers';
import { GatewayError } from '../errors.js';
import { addressOf, type Upstream, type UpstreamSource } from '../proxy/upstream.js';

/** How long the gateway waits for Jupyter's answer, in milliseconds. */
const PATIENCE_MS = 10_000;

/**
 * Makes the function that asks Jupyter which language a kernel speaks: the kernel's spec names it.
 * Source: Jupyter Server's REST API, `/api/kernels/{id}` and `/api/kernelspecs/{name}`.
 */
export function createAskLanguage(upstream: UpstreamSource): (kernelId: string) => Promise<string> {
  return async (kernelId) => {
    const server = upstream();
    const kernel = await get(server, `/api/kernels/${kernelId}`);
    const spec = await get(server, `/api/kernelspecs/${encodeURIComponent(String(kernel.name))}`);
    const { language } = Object(spec.spec) as { language?: unknown };
    if (typeof language !== 'string') throw unknown();
    return language.toLowerCase();
  };
}

async function get(upstream: Upstream, path: string): Promise<Record<string, unknown>> {
  const options = {
    ...addressOf(upstream),
    path: upstream.basePath + path,
    agent: false,
    signal: AbortSignal.timeout(PATIENCE_MS),
    headers: {
      host: new URL(upstream.origin).host,
      ...(upstream.token && { authorization: `token ${upstream.token.reveal()}` }),
    },
  };
  const send = upstream.origin.startsWith('https:') ? tlsRequest : request;
  const response = await new Promise<AsyncIterable<Buffer> & { statusCode?: number }>((resolve, reject) => {
    send(options).on('response', resolve).on('error', reject).end();
  }).catch((cause: unknown) => {
    throw new GatewayError('UPSTREAM_DOWN', undefined, { cause });
  });
  const body = await json(response);
  if (response.statusCode !== 200 || typeof body !== 'object' || body === null) throw unknown();
  return body as Record<string, unknown>;
}

function unknown(): GatewayError {
  return new GatewayError('UPSTREAM_REFUSED', 'Jupyter did not say which language this kernel speaks.');
}
