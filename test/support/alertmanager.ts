import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { PASSWORD, PASSWORD_HASH, USER } from './prometheus.js';
import { until } from './until.js';

export interface Alertmanager {
  readonly url: string;
  close(): Promise<void>;
}

/** A real Alertmanager with alerts, behind the same Basic authentication as {@link startPrometheus}. */
export async function startAlertmanager(
  alerts: readonly { readonly labels: Readonly<Record<string, string>> }[],
): Promise<Alertmanager> {
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  const port = await freePort();
  await writeFile(join(folder, 'config.yml'), '{route: {receiver: none}, receivers: [{name: none}]}');
  await writeFile(join(folder, 'web.yml'), JSON.stringify({ basic_auth_users: { [USER]: PASSWORD_HASH } }));
  const server = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${folder}/config.yml`,
      `--web.config.file=${folder}/web.yml`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--storage.path=${folder}/data`,
      '--cluster.listen-address=',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const ended = once(server, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const headers = {
    authorization: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`,
    'content-type': 'application/json',
  };
  await until(async () => {
    if (server.exitCode !== null) throw new Error(`Alertmanager ended:\n${log}`);
    const body = JSON.stringify(alerts);
    const posted = await fetch(`${url}/api/v2/alerts`, { method: 'POST', headers, body }).catch(
      () => undefined,
    );
    return posted?.ok === true;
  }, 60_000);
  return {
    url,
    async close() {
      server.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
