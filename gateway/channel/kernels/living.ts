import { GatewayError } from '../../errors.js';
import { askJupyter } from '../../proxy/ask.js';
import type { UpstreamSource } from '../../proxy/upstream.js';

/**
 * Makes the function that asks Jupyter for the ids of the living kernels: a kernel also ends with its session, by
 * culling, or with Jupyter, and then Jupyter does not tell the gateway.
 * Source: Jupyter Server's REST API, `/api/kernels`.
 *
 * The function rejects for any answer but such a list: a kernel that isn't known to have ended lives.
 */
export function createAskLiving(upstream: UpstreamSource): () => Promise<ReadonlySet<string>> {
  return async () => {
    const list = await askJupyter(upstream(), '/api/kernels');
    const ids = Array.isArray(list) ? list.map((each) => (Object(each) as { id?: unknown }).id) : [undefined];
    if (!ids.every((id) => typeof id === 'string')) throw new GatewayError('UPSTREAM_REFUSED');
    return new Set(ids);
  };
}
