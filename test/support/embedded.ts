import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import WebSocket from 'ws';
import { environmentOf } from '../../gateway/config/runtime-env.js';
import { type Home, homeAt } from '../../gateway/home.js';
import { createEmbeddedJupyter, type EmbeddedJupyter, type Timing } from '../../gateway/jupyter/embedded.js';
import { findIsolation, type UserId } from '../../gateway/jupyter/user.js';
import { jupyterEnvironment } from './jupyter.js';

/** An embedded Jupyter with a temporary SPIN_HOME, ready. */
export interface TestEmbedded {
  readonly jupyter: EmbeddedJupyter;
  readonly home: Home;
  readonly lines: string[];
  close(): Promise<void>;
}

export async function startEmbedded(
  timing: Partial<Timing> = {},
  root?: string,
  notebooks?: string,
): Promise<TestEmbedded> {
  const folder = root ?? (await mkdtemp(join(tmpdir(), 'spin-test-')));
  const usual = homeAt(folder);
  const home = { ...usual, notebooks: notebooks ?? usual.notebooks };
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const jupyter = createEmbeddedJupyter({
    home,
    environment: await jupyterEnvironment(),
    inherited: environmentOf(process.env),
    log,
    progress: () => {},
    timing,
  });
  const close = async () => {
    await jupyter.stop();
    if (root === undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    await jupyter.ready;
  } catch (error) {
    await close();
    throw error;
  }
  return { jupyter, home, lines, close };
}

/** The user that an embedded Jupyter gets here; undefined: this process's own. */
export async function jupyterUser(home?: Home): Promise<UserId | undefined> {
  const isolation = await findIsolation(home);
  return isolation.kind === 'own-user' ? isolation.user : undefined;
}

export interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

/** Asks an embedded Jupyter's API; gives what it answers. */
export function ask(socketPath: string, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, agent: false });
    asked.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response
        .on('error', reject)
        .on('end', () =>
          resolve({ status: response.statusCode ?? 0, location: response.headers.location, body: text }),
        );
    });
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export interface TestKernel {
  readonly id: string;
  /** Runs code; gives what it printed, followed by the error if there was one. */
  run(code: string): Promise<string>;
  close(): void;
}

/** Starts a kernel on an embedded Jupyter. */
export async function startKernel(socketPath: string): Promise<TestKernel> {
  const started = await ask(socketPath, 'POST', '/api/kernels', { name: 'python3' });
  const id = String(JSON.parse(started.body).id);
  const session = randomUUID();
  const socket = new WebSocket(`ws+unix:${socketPath}:/api/kernels/${id}/channels?session_id=${session}`);
  let listener: (message: Record<string, Record<string, unknown>> & { msg_type: string }) => void = () => {};
  socket.on('message', (data) => listener(JSON.parse(String(data))));
  await new Promise<void>((resolve, reject) => {
    socket.on('open', resolve).on('error', reject);
  });
  return {
    id,
    close: () => socket.terminate(),
    run(code) {
      const msg_id = randomUUID();
      const header = {
        msg_id,
        msg_type: 'execute_request',
        session,
        username: '',
        version: '5.3',
        date: new Date().toISOString(),
      };
      const content = {
        code,
        silent: false,
        store_history: true,
        user_expressions: {},
        allow_stdin: false,
        // Else a kernel that loses the processor just after its idle aborts what comes next.
        stop_on_error: false,
      };
      return new Promise((resolve, reject) => {
        let text = '';
        let replied = false;
        let idle = false;
        const cut = () => reject(new Error(`the kernel's socket closed: ${text}`));
        socket.once('close', cut);
        listener = ({ msg_type, parent_header, content: got }) => {
          if (parent_header?.msg_id !== msg_id) return;
          if (msg_type === 'stream') text += String(got?.text);
          if (msg_type === 'error') text += `${String(got?.ename)}: ${String(got?.evalue)}`;
          if (msg_type === 'execute_reply') replied = true;
          if (msg_type === 'status' && got?.execution_state === 'idle') idle = true;
          if (!replied || !idle) return;
          socket.off('close', cut);
          resolve(text.trim());
        };
        socket.send(
          JSON.stringify({ header, parent_header: {}, metadata: {}, content, channel: 'shell', buffers: [] }),
        );
      });
    },
  };
}

/** Waits for a condition, for as long as a start of Jupyter may take on a small, busy machine. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 90_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`still not so after 90 s: ${what}`);
    await sleep(50);
  }
}

/** The ids of the processes whose command line, zombies aside, holds the text. */
export async function processesWith(text: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const commandLine = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (commandLine.includes(text)) found.push(Number(name));
  }
  return found;
}
