import { GatewayError } from '../../errors.js';
import { askJupyter } from '../../proxy/ask.js';
import type { UpstreamSource } from '../../proxy/upstream.js';

/**
 * Makes the function that asks Jupyter which language a kernel speaks: the kernel's spec names it.
 * Source: Jupyter Server's REST API, `/api/kernels/{id}` and `/api/kernelspecs`.
 */
export function createAskLanguage(upstream: UpstreamSource): (kernelId: string) => Promise<string> {
  return async (kernelId) => {
    const server = upstream();
    const kernel = Object(await askJupyter(server, `/api/kernels/${kernelId}`)) as { name?: unknown };
    if (typeof kernel.name !== 'string') throw unknown();
    // The list, because a server that has its kernels from elsewhere fails on a single one (2.21, with KERNEL_USERNAME).
    const { kernelspecs } = Object(await askJupyter(server, '/api/kernelspecs')) as { kernelspecs?: unknown };
    const named = new Map<string, unknown>(Object.entries(Object(kernelspecs))).get(kernel.name);
    const { spec } = Object(named) as { spec?: unknown };
    const { language } = Object(spec) as { language?: unknown };
    if (typeof language !== 'string') throw unknown();
    return language.toLowerCase();
  };
}

function unknown(): GatewayError {
  return new GatewayError('UPSTREAM_REFUSED', 'Jupyter did not say which language this kernel speaks.');
}
