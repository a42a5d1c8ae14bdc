import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../../processors/core/environment.js';
import { type Peer, statusOf } from '../ask-once.js';
import type { Home } from '../home.js';
import type { Log } from '../log.js';
import { cleanEnvironment } from './clean-environment.js';
import type { RunFolder } from './run-folder.js';
import { ServerLog } from './server-log.js';
import type { UserId } from './user.js';

/** keeper.py needs six seconds at most (GRACE and LEFTOVER_GRACE there). */
const STOP_LIMIT_MS = 8_000;
const READY_POLL_MS = 100;

export interface ServerOptions {
  readonly home: Home;
  readonly environment: string;
  /** What the gateway was started with. */
  readonly inherited: Environment;
  readonly folder: RunFolder;
  readonly user: UserId | undefined;
  readonly log: Log;
}

/** One run of the embedded Jupyter server, from its start until it and everything that it started has ended. */
export interface Server {
  /** Settles when nothing of it is left: with the exit status of the server. Never rejects. */
  readonly ended: Promise<string>;
  /** True once the server answers; false when it ended first or `limitMs` passed. */
  ready(limitMs: number): Promise<boolean>;
  /** Whether it answers `GET /api/status` now. */
  answers(limitMs: number): Promise<boolean>;
  /** Ends it with its kernels and terminals: asks, then insists. */
  stop(): Promise<void>;
  /** Its last log lines. */
  tail(): string;
}

/** Starts a server on the folder's socket; nothing of it survives the gateway (keeper.py). */
export function startServer({ home, environment, inherited, folder, user, log }: ServerOptions): Server {
  const python = join(environment, 'bin', 'python3');
  const keeper = spawn(
    python,
    ['-I', '-S', join(folder.path, 'keeper.py'), '--scratch', folder.scratch].concat(
      // Isolated mode: neither the working directory nor a user's packages can change the server.
      [python, '-I', '-m', 'jupyter_server'],
      [`--config=${join(folder.path, 'jupyter_server_config.py')}`, `--ServerApp.sock=${folder.socket}`],
    ),
    {
      cwd: home.notebooks,
      env: cleanEnvironment(home, folder, inherited, user === undefined ? undefined : 'jupyter'),
      stdio: ['pipe', 'pipe', 'pipe'],
      // A separate process group: Ctrl-C at the terminal goes to the gateway only, which ends it in order.
      detached: true,
      ...user,
    },
  );
  const serverLog = new ServerLog(log);
  keeper.stdin.on('error', () => {});
  for (const stream of [keeper.stdout, keeper.stderr])
    createInterface({ input: stream }).on('line', (line) => serverLog.write(line));
  let running = true;
  const ended = new Promise<string>((resolve) => {
    const settle = (how: string) => {
      running = false;
      resolve(how);
    };
    keeper.on('error', (error) => settle(error.message));
    keeper.on('exit', (code, signal) => settle(signal ?? `exit status ${code}`));
  });

  const peer = embeddedAt(folder.socket);
  const answers = async (limitMs: number) => (await statusOf(peer, { path: '/api/status', limitMs })) === 200;
  return {
    ended,
    answers,
    async ready(limitMs) {
      const deadline = Date.now() + limitMs;
      while (running && Date.now() < deadline) {
        if (await answers(limitMs)) return true;
        await sleep(READY_POLL_MS);
      }
      return false;
    },
    async stop() {
      if (!running) return;
      keeper.stdin.end();
      const insist = setTimeout(() => keeper.kill('SIGKILL'), STOP_LIMIT_MS);
      await ended;
      clearTimeout(insist);
    },
    tail: () => serverLog.tail(),
  };
}

/** How the gateway reaches the server on its socket, which takes no token (design: the embedded Jupyter). */
export function embeddedAt(socketPath: string): Peer {
  return { origin: 'http://localhost', basePath: '', socketPath, token: undefined, ca: undefined };
}
