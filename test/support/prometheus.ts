import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { until } from './until.js';

/** Holds what could end a piece of code, text or header. */
export const PASSWORD = 'canary-"$`password';
/** bcrypt of it, cost 4. */
export const PASSWORD_HASH = '$2b$04$tco5DH1TJMK.d6/5WvltFuBqulHUMYNTv9Qc12U952R3j13qnsd1W';
export const USER = 'gateway';

export interface Prometheus {
  readonly url: string;
  readonly user: string;
  close(): Promise<void>;
}

/**
 * A real Prometheus that watches itself, behind Basic authentication.
 * @param others what else it scrapes, as its configuration has it
 * @param history what it already knows, in OpenMetrics' text format with times
 * @param args further arguments of the program
 */
export async function startPrometheus(
  history = '',
  others: readonly object[] = [],
  args: readonly string[] = [],
): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  const port = await freePort();
  const config = {
    global: { scrape_interval: '1s' },
    scrape_configs: [
      {
        job_name: 'itself "quoted"',
        static_configs: [{ targets: [`127.0.0.1:${port}`] }],
        basic_auth: { username: USER, password: PASSWORD },
      },
      ...others,
    ],
  };
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config));
  await writeFile(join(folder, 'web.yml'), JSON.stringify({ basic_auth_users: { [USER]: PASSWORD_HASH } }));
  if (history !== '') {
    const file = join(folder, 'history.om');
    await writeFile(file, history);
    await promisify(execFile)('promtool', [
      'tsdb',
      'create-blocks-from',
      'openmetrics',
      file,
      `${folder}/data`,
    ]);
  }
  const server = spawn(
    'prometheus',
    [
      `--config.file=${folder}/config.yml`,
      `--web.config.file=${folder}/web.yml`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--storage.tsdb.path=${folder}/data`,
      ...args,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const url = `http://127.0.0.1:${port}`;
  const ended = once(server, 'exit');
  const headers = { authorization: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}` };
  await until(async () => {
    if (server.exitCode !== null) throw new Error(`Prometheus ended:\n${log}`);
    const query = await fetch(`${url}/api/v1/query?query=up`, { headers }).catch(() => undefined);
    return query?.ok === true && (await query.text()).includes('"1"]');
  }, 60_000);
  return {
    url,
    user: USER,
    async close() {
      server.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
