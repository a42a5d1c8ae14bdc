import type { Dispatcher } from 'undici';
import { askOnce, NO_BODY } from '../ask-once.js';
import { GatewayError } from '../errors.js';
import type { Upstream } from './upstream.js';

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
  const question = { path, limitMs: PATIENCE_MS, mostBytes: LONGEST_ANSWER };
  return askOnce(upstream, question, async ({ statusCode, body }) => {
    const found = await body.json().catch(() => undefined);
    return statusCode === 200 ? found : undefined;
  }).catch((cause: unknown) => {
    throw new GatewayError('UPSTREAM_DOWN', undefined, { cause });
  });
}

/** Status and headers alone of Jupyter's answer. @returns undefined when there is none */
export async function headOf(
  upstream: Upstream,
  path: string,
): Promise<Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'> | undefined> {
  const question = { path, limitMs: PATIENCE_MS, mostBytes: NO_BODY };
  return askOnce(upstream, question, ({ statusCode, headers }) => ({ statusCode, headers })).catch(
    () => undefined,
  );
}
