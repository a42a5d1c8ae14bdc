import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { freePort } from './free-port.js';
import { until } from './until.js';

const run = promisify(execFile);

/** Contains characters that could end a piece of code, text or a URL. */
export const PASSWORD = 'canary-"$`\'password';
/** The user id of `nobody`: databases refuse to run as root. */
const NOBODY = 65_534;

/** A real database of this test's own, on loopback. */
export interface Database {
  readonly port: number;
  /** Its one user, whose password is {@link PASSWORD}. */
  readonly user: string;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** PEM; default: without TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Debian's PostgreSQL. */
export async function startPostgres(options: DatabaseOptions = {}): Promise<Database> {
  const folder = await ownFolder();
  const [version = ''] = (await readdir('/usr/lib/postgresql')).sort().reverse();
  const bin = join('/usr/lib/postgresql', version, 'bin');
  const as = identity();
  await writeOwn(join(folder, 'password'), PASSWORD);
  const data = join(folder, 'data');
  await run(
    join(bin, 'initdb'),
    [
      '-D',
      data,
      '-U',
      'gateway',
      '-A',
      'scram-sha-256',
      `--pwfile=${folder}/password`,
      '-E',
      'UTF8',
      '--no-sync',
    ],
    { ...as, cwd: folder },
  );
  if (options.tls) {
    await writeOwn(join(data, 'server.crt'), options.tls.cert);
    await writeOwn(join(data, 'server.key'), options.tls.key);
  }
  const port = await freePort();
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'fsync=off',
  ];
  if (options.tls) settings.push('ssl=on');
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    { ...as, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await untilSays(server, 'ready to accept connections');
  return { port, user: 'gateway', close: () => stop(server, folder, 'SIGINT') };
}

/** Debian's PgBouncer before a PostgreSQL, which gives a session's server to others after each transaction. */
export async function startPgBouncer({ port: server, user }: Database): Promise<Database> {
  const folder = await ownFolder();
  const port = await freePort();
  await writeOwn(join(folder, 'users'), `"${user}" "${PASSWORD.replaceAll('"', '""')}"\n`);
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: join(folder, 'users'),
    pool_mode: 'transaction',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const database = `postgres = host=127.0.0.1 port=${server}`;
  await writeOwn(join(folder, 'ini'), ['[databases]', database, '[pgbouncer]', ...lines, ''].join('\n'));
  const pooler = spawn('/usr/sbin/pgbouncer', [join(folder, 'ini')], {
    ...identity(),
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await untilSays(pooler, 'process up');
  return { port, user, close: () => stop(pooler, folder, 'SIGINT') };
}

/** Debian's MariaDB. */
export async function startMariadb(options: DatabaseOptions = {}): Promise<Database> {
  const folder = await ownFolder();
  const as = identity();
  const data = join(folder, 'data');
  await run(
    'mariadb-install-db',
    ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
    { ...as, cwd: folder },
  );
  if (options.tls) {
    await writeOwn(join(folder, 'tls.crt'), options.tls.cert);
    await writeOwn(join(folder, 'tls.key'), options.tls.key);
  }
  const port = await freePort();
  const server = spawn(
    '/usr/sbin/mariadbd',
    [
      '--no-defaults',
      `--datadir=${data}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${folder}/socket`,
      `--pid-file=${folder}/pid`,
      '--skip-name-resolve',
      ...(options.tls ? [`--ssl-cert=${folder}/tls.crt`, `--ssl-key=${folder}/tls.key`] : []),
    ],
    { ...as, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await untilSays(server, 'ready for connections');
  const root = await createConnection({ host: '127.0.0.1', port, user: 'root' });
  await root.query('CREATE DATABASE shop CHARACTER SET utf8mb4');
  await root.query("CREATE USER gateway@'%' IDENTIFIED BY ?", [PASSWORD]);
  await root.query("GRANT ALL ON *.* TO gateway@'%'");
  await root.end();
  return { port, user: 'gateway', close: () => stop(server, folder, 'SIGTERM') };
}

async function untilSays(server: ChildProcess, words: string): Promise<void> {
  let log = '';
  server.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (log.length < 100_000) log += text;
  });
  await until(() => {
    if (server.exitCode !== null) throw new Error(`the database ended:\n${log}`);
    return log.includes(words);
  }, 60_000);
}

async function stop(server: ChildProcess, folder: string, signal: NodeJS.Signals): Promise<void> {
  const ended = once(server, 'exit');
  if (server.exitCode === null) {
    server.kill(signal);
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
}

function identity(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

async function ownFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  if (process.getuid?.() === 0) await chown(folder, NOBODY, NOBODY);
  return folder;
}

async function writeOwn(path: string, content: string): Promise<void> {
  await writeFile(path, content);
  await chmod(path, 0o600);
  if (process.getuid?.() === 0) await chown(path, NOBODY, NOBODY);
}
