import { request } from 'undici';
import type { Environment } from '../../processors/core/environment.js';
import { Dispatchers } from '../../processors/http/dispatcher.js';
import { NoAnswer } from '../../processors/http/no-answer.js';
import type { AcmeSetting } from '../config.js';

/** How long the authority may take, in milliseconds. */
const PATIENCE_MS = 10_000;

/**
 * Asks for an authority's directory, where every order begins (RFC 8555 section 7.1.1); orders nothing.
 * @param environment names the proxies
 * @returns what is wrong, in a sentence; undefined: nothing
 */
export async function askDirectory(
  { directory, caFile }: AcmeSetting,
  environment: Environment,
): Promise<string | undefined> {
  const { host } = directory;
  const dispatchers = new Dispatchers(environment);
  const { dispatcher } = dispatchers.for({ url: directory.href, ca_file: caFile });
  try {
    const { statusCode, body } = await request(directory, {
      dispatcher,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const answer = Object(await body.json().catch(() => undefined)) as { newOrder?: unknown };
    if (statusCode === 200 && typeof answer.newOrder === 'string') return undefined;
    return `The answer of ${host} (${statusCode}) is not an ACME directory.`;
  } catch (error) {
    return new NoAnswer(host, error).message.replace('ca_file', 'SPIN_ACME_CA');
  } finally {
    dispatchers.close();
  }
}
