import { buffer } from 'node:stream/consumers';
import acme from 'acme-client';
import { request } from 'undici';
import { bounded } from '../../processors/core/bounded.js';
import type { Environment } from '../../processors/core/environment.js';
import { Dispatchers } from '../../processors/http/dispatcher.js';

/** The certificate authority's server gave no answer: the reason, in one sentence. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** How long one answer may take, and its largest size: a chain has some thousand bytes. */
const ANSWER_WITHIN_MS = 30_000;
const LARGEST_BYTES = 1_000_000;

/**
 * Carries the client library's requests as the gateway's own go: through the same proxies, verified by the
 * setting's CA, bounded in time and size. The library's way would retry unseen for minutes, and then hide why.
 *
 * @param caFile PEM file; undefined: the authorities that node knows
 * @param environment names the proxies
 * @returns closes the connections
 */
export function carry(caFile: string | undefined, environment: Environment, signal: AbortSignal): () => void {
  const dispatchers = new Dispatchers(environment);
  acme.axios.defaults.adapter = async (config) => {
    const url = config.url ?? '';
    const { dispatcher } = dispatchers.for({ url, ca_file: caFile });
    try {
      const answer = await request(url, {
        dispatcher,
        method: methodOf(config.method),
        headers: config.headers.toJSON() as Record<string, string>,
        body: typeof config.data === 'string' ? config.data : null,
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
      });
      const headers = Object.fromEntries(
        Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
      );
      const tooLarge = () => new Error('the answer is too large');
      const data = (await buffer(bounded(answer.body, LARGEST_BYTES, tooLarge))).toString();
      return { data, status: answer.statusCode, statusText: '', headers, config };
    } catch (error) {
      throw new NoAnswer(`${new URL(url).host} did not answer: ${reasonOf(error)}`, { cause: error });
    }
  };
  return () => dispatchers.close();
}

/** The three that ACME knows (RFC 8555 section 6). */
function methodOf(name: string | undefined): 'GET' | 'HEAD' | 'POST' {
  const method = name?.toUpperCase();
  return method === 'POST' || method === 'HEAD' ? method : 'GET';
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || String(Reflect.get(error, 'code')) : String(error);
}
