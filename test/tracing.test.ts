import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t from 'tap';
import { ask } from './support/ask.js';
import { connect, execute } from './support/client.js';
import { freePort } from './support/free-port.js';
import { startTestGateway, upstreamOf } from './support/gateway.js';
import { startStockJupyter } from './support/jupyter.js';
import { until } from './support/until.js';

const program = fileURLToPath(new URL('../gateway/cli.js', import.meta.url));
/** As many spans as the SDK collects before it sends them without waiting. */
const BATCH = 512;

t.setTimeout(120_000);

/** Notes the URL of every module that a program loads (https://nodejs.org/api/module.html#loadurl-context-nextload). */
const HOOKS = `import { appendFileSync } from 'node:fs';
export function load(url, context, next) {
  appendFileSync(process.env.NOTED, url + '\\n');
  return next(url, context);
}`;
const PRELOAD = `import { register } from 'node:module';
register('./hooks.mjs', import.meta.url);`;

t.test('the SDK is loaded where a collector is named, and nowhere else', async (t) => {
  const folder = t.testdir({ home: {}, 'hooks.mjs': HOOKS, 'preload.mjs': PRELOAD });
  const loaded = async (name: string, env: Readonly<Record<string, string>>) => {
    const child = spawn(
      process.execPath,
      ['--import', pathToFileURL(join(folder, 'preload.mjs')).href, program],
      {
        env: {
          PATH: process.env.PATH ?? '',
          NOTED: join(folder, name),
          SPIN_HOME: join(folder, 'home'),
          SPIN_PORT: String(await freePort()),
          SPIN_UPSTREAM: 'http://127.0.0.1:9',
          ...env,
        },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const ended = once(child, 'exit');
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await until(() => {
      if (child.exitCode !== null) throw new Error('the gateway ended');
      return said.includes('SPIN Runtime is at');
    }, 30_000);
    child.kill();
    await ended;
    return readFile(join(folder, name), 'utf8');
  };
  const off = await loaded('off', {});
  t.match(off, '/gateway/main.js');
  t.notMatch(off, /opentelemetry|\/otlp\.js/);
  const on = await loaded('on', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
  t.match(on, '/gateway/otlp.js');
  t.match(on, '@opentelemetry/sdk-trace');
});

t.test('a collector that can’t be reached is told of once, and cells go on', async (t) => {
  let tries = 0;
  const nobody = createServer((socket) => {
    tries++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(nobody, 'listening');
  t.teardown(() => nobody.close());
  // The SDK itself reads them, as in production.
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(nobody.address() as AddressInfo).port}`;
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '500';
  t.teardown(() => {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    delete process.env.OTEL_EXPORTER_OTLP_TIMEOUT;
  });
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    tracing: { ratio: 1, parentBased: true },
  });
  const client = connect(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
  });
  const kernel = await client.kernels.startNew({ name: 'python3' });
  t.teardown(() => kernel.shutdown());
  const lines = () => gateway.lines('could not send spans: check OTEL_EXPORTER_OTLP_ENDPOINT').length;
  const sendBatch = async () => {
    const before = tries;
    for (let i = 0; i < BATCH; i++) await ask(`${gateway.origin}/healthz`);
    await until(() => tries > before);
  };

  await sendBatch();
  await until(() => lines() > 0);
  await sendBatch();
  t.match(await execute(kernel, 'print(6 * 7)'), { status: 'ok', stdout: '42\n' });
  await sendBatch();
  t.equal(lines(), 1);
  t.equal((await ask(`${gateway.origin}/readyz`)).status, 200);
});
