import autocannon from 'autocannon';
import { SMALL } from '../support/synthetic-upstream.js';
import { get, HEADERS, KernelClient } from './client.js';
import type { Contender } from './contenders.js';

/** One number, or several that come from the same run. */
export interface Measure {
  readonly id: string;
  /** What the numbers are, each with its unit. */
  readonly rows: readonly string[];
  /** Whether it tells something of the kernel that is connected to. */
  readonly perKernel: boolean;
  /** @param scale 1: as much as it takes; smaller: so much less. @returns as many numbers as rows */
  run(contender: Contender, scale: number): Promise<readonly number[]>;
}

const MB = 1024 * 1024;

export const measures: readonly Measure[] = [
  {
    id: 'roundtrip',
    rows: ['1 KB round trip, p50 (µs)', '1 KB round trip, p99 (µs)'],
    perKernel: true,
    run: (contender, scale) =>
      withKernel(contender, async (client) => {
        const times: number[] = [];
        for (let i = 0; i < 5000 * scale; i++) {
          const start = performance.now();
          await client.execute('reply');
          times.push(1000 * (performance.now() - start));
        }
        times.sort((a, b) => a - b);
        return [quantile(times, 0.5), quantile(times, 0.99)];
      }),
  },
  {
    id: 'drip',
    rows: ['1 KB stream, written one by one as Tornado does (1000 messages/s)'],
    perKernel: true,
    run: (contender, scale) => stream(contender, 'drip', Math.ceil(100_000 * scale), SMALL, 1 / 1000),
  },
  {
    id: 'small-stream',
    rows: ['1 KB stream, written in batches (1000 messages/s)'],
    perKernel: true,
    run: (contender, scale) => stream(contender, 'stream', Math.ceil(150_000 * scale), SMALL, 1 / 1000),
  },
  {
    id: 'large-stream',
    rows: ['1 MB stream (GB/s)'],
    perKernel: true,
    run: (contender, scale) => stream(contender, 'stream', Math.ceil(800 * scale), MB, MB / 1e9),
  },
  {
    id: 'requests',
    rows: ['small GET, 10 connections (requests/s)'],
    perKernel: false,
    async run({ origin }, scale) {
      const options = {
        url: `${origin}/api/status`,
        connections: 10,
        duration: Math.max(1, 3 * scale),
        headers: HEADERS,
        tlsOptions: { rejectUnauthorized: false },
      };
      const { requests, non2xx, errors, duration } = await autocannon(options);
      if (non2xx + errors > 0) throw new Error(`${non2xx} refusals and ${errors} errors at ${origin}`);
      return [requests.total / duration];
    },
  },
  {
    id: 'download',
    rows: ['download (GB/s)'],
    perKernel: false,
    async run({ origin }, scale) {
      const size = Math.ceil(1000 * scale) * MB;
      const start = performance.now();
      const status = await get(`${origin}/files/${size}`);
      if (status !== 200) throw new Error(`status ${status}`);
      return [size / 1e6 / (performance.now() - start)];
    },
  },
];

/**
 * What 1,000 kernel channels that say nothing cost the proxy, in KiB each. A hundred before them have made it load and
 * allocate what it needs only once.
 */
export async function idleMemory(
  { origin, kernel }: Contender,
  memory: () => Promise<number>,
  count: number,
): Promise<number> {
  const clients: KernelClient[] = [];
  const open = async (more: number) => {
    for (let opened = 0; opened < more; opened += 20) {
      const batch = Array.from({ length: 20 }, () => KernelClient.open(origin, kernel));
      clients.push(...(await Promise.all(batch)));
    }
    // Memory that a runtime is about to give back isn't a channel's; this is a measurement, not a test.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    return memory();
  };
  const before = await open(100);
  const after = await open(count);
  await Promise.all(clients.map((client) => client.close()));
  return (after - before) / count / 1024;
}

/** @param unit what one message counts as. @returns the units per second */
async function stream(
  contender: Contender,
  how: 'drip' | 'stream',
  count: number,
  size: number,
  unit: number,
): Promise<readonly number[]> {
  return withKernel(contender, async (client) => {
    await client.execute(`${how} ${Math.ceil(count / 20)} ${size}`);
    const start = performance.now();
    await client.execute(`${how} ${count} ${size}`);
    return [(1000 * count * unit) / (performance.now() - start)];
  });
}

async function withKernel<T>(
  { origin, kernel }: Contender,
  work: (client: KernelClient) => Promise<T>,
): Promise<T> {
  const client = await KernelClient.open(origin, kernel);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** @param sorted in ascending order */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}
