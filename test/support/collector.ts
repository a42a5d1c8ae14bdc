import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { PEERS } from './peers.js';
import { until } from './until.js';

const SOURCE = fileURLToPath(new URL('../../../test/support/collector', import.meta.url));
const FOLDER = join(PEERS, 'collector');

export interface Collector {
  /** The value for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  /** Everything that it has printed of what it got. */
  printed(): string;
  close(): Promise<void>;
}

/** The OpenTelemetry Collector, built from the Go proxy at its first use: its own distributions can't be installed so. */
export async function startCollector(): Promise<Collector> {
  await mkdir(FOLDER, { recursive: true });
  const program = join(FOLDER, 'collector');
  await promisify(execFile)('go', ['build', '-p', '2', '-o', program, '.'], {
    cwd: SOURCE,
    env: { ...process.env, CGO_ENABLED: '0' },
    maxBuffer: 100_000_000,
  });
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  const port = await freePort();
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { debug: { verbosity: 'detailed' } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { traces: { receivers: ['otlp'], exporters: ['debug'] } },
    },
  };
  await writeFile(join(folder, 'config.yaml'), JSON.stringify(config));
  const server = spawn(program, ['--config', `file:${folder}/config.yaml`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(server, 'exit');
  let printed = '';
  for (const stream of [server.stdout, server.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  await until(() => {
    if (server.exitCode !== null) throw new Error(`The collector ended:\n${printed}`);
    return printed.includes('Everything is ready');
  }, 60_000);
  return {
    url: `http://127.0.0.1:${port}`,
    printed: () => printed,
    async close() {
      server.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
