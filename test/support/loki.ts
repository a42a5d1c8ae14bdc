import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { goPeer } from './go-peer.js';
import { until } from './until.js';

/** Loki 2.2.1, the last one under Apache-2.0: its tag is no semantic version of its module, so that it goes by its commit. */
const VERSION = 'v1.6.2-0.20210406003638-babea82ef558';

/** The tenant whose lines they are. */
export const ORG = 'team-a';

export interface LokiLine {
  readonly stream: Readonly<Record<string, string>>;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly text: string;
}

export interface Loki {
  readonly url: string;
  push(lines: readonly LokiLine[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * A real Loki with tenants, which has no authentication of its own: put one before it.
 * @param most lines that it gives at once
 */
export async function startLoki(most: number): Promise<Loki> {
  const program = await goPeer('github.com/grafana/loki/cmd/loki', VERSION, {
    renewed: {
      module: 'github.com/grafana/loki',
      // The ones that it asks for don't compile with a Go of today.
      requirements: ['github.com/modern-go/reflect2@v1.0.2', 'github.com/json-iterator/go@v1.1.12'],
    },
  });
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  const [port, grpc] = [await freePort(), await freePort()];
  const ring = { kvstore: { store: 'inmemory' } };
  // After its own cmd/loki/loki-local-config.yaml.
  const config = {
    auth_enabled: true,
    server: {
      http_listen_address: '127.0.0.1',
      http_listen_port: port,
      grpc_listen_address: '127.0.0.1',
      grpc_listen_port: grpc,
      log_level: 'error',
    },
    ingester: {
      wal: { enabled: false },
      lifecycler: {
        address: '127.0.0.1',
        ring: { ...ring, replication_factor: 1 },
        final_sleep: '0s',
        min_ready_duration: '0s',
      },
      max_transfer_retries: 0,
    },
    schema_config: {
      configs: [
        {
          from: '2020-10-24',
          store: 'boltdb-shipper',
          object_store: 'filesystem',
          schema: 'v11',
          index: { prefix: 'index_', period: '24h' },
        },
      ],
    },
    storage_config: {
      boltdb_shipper: {
        active_index_directory: `${folder}/index`,
        cache_location: `${folder}/cache`,
        shared_store: 'filesystem',
      },
      filesystem: { directory: `${folder}/chunks` },
    },
    compactor: { working_directory: `${folder}/compactor`, shared_store: 'filesystem' },
    limits_config: {
      max_entries_limit_per_query: most,
      // The default of later versions.
      max_query_length: '721h',

      ingestion_rate_mb: 100,
      ingestion_burst_size_mb: 100,
    },
    ruler: {
      storage: { type: 'local', local: { directory: `${folder}/rules` } },
      rule_path: `${folder}/rules-temp`,
      ring,
    },
  };
  await writeFile(join(folder, 'config.yaml'), JSON.stringify(config));
  const server = spawn(program, [`-config.file=${folder}/config.yaml`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const ended = once(server, 'exit');
  const url = `http://127.0.0.1:${port}`;
  await until(async () => {
    if (server.exitCode !== null) throw new Error(`Loki ended:\n${log}`);
    const ready = await fetch(`${url}/ready`).catch(() => undefined);
    return ready?.ok === true;
  }, 60_000);
  return {
    url,
    async push(lines) {
      const streams = new Map<string, { stream: object; values: string[][] }>();
      for (const { stream, time, text } of lines) {
        const key = JSON.stringify(stream);
        const known = streams.get(key) ?? { stream, values: [] };
        known.values.push([String(time), text]);
        streams.set(key, known);
      }
      const body = { streams: [...streams.values()] };
      const pushed = await fetch(`${url}/loki/api/v1/push`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-scope-orgid': ORG },
        body: JSON.stringify(body),
      });
      if (!pushed.ok) throw new Error(`${pushed.status} ${await pushed.text()}`);
    },
    async close() {
      server.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
