import { type IncomingMessage, request } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { json } from 'node:stream/consumers';
import { GatewayError } from '../errors.js';
import { addressOf, type Upstream } from './upstream.js';

/** How long the gateway waits for Jupyter's answer, in milliseconds. */
const PATIENCE_MS = 10_000;

/** What the gateway reads of an answer, in bytes (invariant S15): a list of ten thousand kernels is 3 MB. */
const LONGEST_ANSWER = 16 * 1024 * 1024;

/**
 * Asks Jupyter's REST API something of the gateway's own.
 *
 * @param path below the base path, e.g. `/api/kernels`
 * @returns the JSON of a 200; undefined when Jupyter said anything else
 * @throws {GatewayError} UPSTREAM_DOWN when it can't be reached
 */
export async function askJupyter(upstream: Upstream, path: string): Promise<unknown> {
  const response = await ask(upstream, path).catch((cause: unknown) => {
    throw new GatewayError('UPSTREAM_DOWN', undefined, { cause });
  });
  const body = await json(bounded(response)).catch(() => undefined);
  return response.statusCode === 200 ? body : undefined;
}

/** Status and headers alone of Jupyter's answer. @returns undefined when there is none */
export async function headOf(
  upstream: Upstream,
  path: string,
): Promise<Pick<IncomingMessage, 'statusCode' | 'headers'> | undefined> {
  const response = await ask(upstream, path).catch(() => undefined);
  response?.on('error', () => {}).resume();
  return response;
}

function ask(upstream: Upstream, path: string): Promise<IncomingMessage> {
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
  return new Promise((resolve, reject) => {
    send(options).on('response', resolve).on('error', reject).end();
  });
}

async function* bounded(response: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let left = LONGEST_ANSWER;
  for await (const chunk of response) {
    left -= chunk.length;
    if (left < 0) throw new GatewayError('UPSTREAM_REFUSED');
    yield chunk;
  }
}
