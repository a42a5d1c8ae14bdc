import { setImmediate as turn } from 'node:timers/promises';
import { startTestGateway } from './gateway.js';

/**
 * A gateway in a separate process, for tests that watch its memory: `fork('gateway-process.js', [UPSTREAM],
 * { execArgv: ['--expose-gc'] })`. Sends its port, and to every message the bytes in use after a garbage collection.
 */
const [, , upstream = ''] = process.argv;
const { origin } = await startTestGateway({
  upstream: { kind: 'http', url: new URL(upstream), token: undefined, ca: undefined },
  env: { VALUE: 'a value that is delivered' },
  logLevel: 'silent',
});
process.on('message', async () => {
  // What a finished callback still holds is free only a turn later.
  for (let i = 0; i < 3; i++) {
    await turn();
    globalThis.gc?.();
  }
  process.send?.(process.memoryUsage().heapUsed);
});
process.on('disconnect', () => process.exit(0));
process.send?.(Number(new URL(origin).port));
