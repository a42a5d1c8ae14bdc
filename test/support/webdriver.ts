import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { startBrowser } from './browser.js';
import { freePort } from './free-port.js';
import { until } from './until.js';

/** One window of a browser, as much of it as every engine gives. */
export interface Engine {
  /** Loads a page, and waits until it is there. */
  goto(url: string): Promise<void>;
  /** @param script an expression, whose value or promise of one JSON can hold */
  evaluate(script: string): Promise<unknown>;
  close(): Promise<void>;
}

/** How long a page may take on a small, busy machine, in milliseconds. */
const PAGE_MS = 120_000;

/** The engines of the three large families, each without a certificate check: what is looked at is the gateway. */
export const engines: Readonly<Record<'Chromium' | 'Firefox' | 'WebKit', () => Promise<Engine>>> = {
  Chromium: async () => {
    const browser = await startBrowser({ ignoreHTTPSErrors: true });
    const page = browser.pages()[0] ?? (await browser.newPage());
    return {
      goto: async (url) => void (await page.goto(url, { timeout: PAGE_MS })),
      evaluate: (script) => page.evaluate(script),
      close: () => browser.close(),
    };
  },
  Firefox: startFirefox,
  WebKit: startWebKit,
};

/** Debian's Firefox by WebDriver BiDi, which it speaks itself (https://w3c.github.io/webdriver-bidi/). */
async function startFirefox(): Promise<Engine> {
  const profile = await mkdtemp(join(tmpdir(), 'spin-firefox-'));
  const child = spawn(
    'firefox-esr',
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0', 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile } },
  );
  const address = await lineOf(child, /WebDriver BiDi listening on (ws:\/\/\S+)/);
  const socket = new WebSocket(`${address}/session`, {
    perMessageDeflate: false,
    maxPayload: 64 * 1024 * 1024,
  });
  await once(socket, 'open');
  const waiting = new Map<number, { resolve: (result: Json) => void; reject: (error: Error) => void }>();
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as Json;
    const asked = waiting.get(Number(message.id));
    waiting.delete(Number(message.id));
    if (message.type === 'success') asked?.resolve(message.result as Json);
    else asked?.reject(new Error(`${message.error}: ${message.message}`));
  });
  let id = 0;
  const send = (method: string, params: object): Promise<Json> =>
    new Promise((resolve, reject) => {
      id += 1;
      waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ id, method, params }));
    });
  await send('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
  const { contexts } = (await send('browsingContext.getTree', {})) as { contexts: { context: string }[] };
  const context = contexts[0]?.context;
  return {
    async goto(url) {
      await send('browsingContext.navigate', { context, url, wait: 'complete' });
    },
    async evaluate(script) {
      const { type, result, exceptionDetails } = await send('script.evaluate', {
        expression: `Promise.resolve(${script}).then((value) => JSON.stringify(value ?? null))`,
        target: { context },
        awaitPromise: true,
      });
      if (type !== 'success') throw new Error(JSON.stringify(exceptionDetails));
      return JSON.parse((result as { value: string }).value);
    },
    async close() {
      socket.close();
      await end(child);
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Debian's WebKitGTK by its own WebDriver (https://www.w3.org/TR/webdriver2/), in a virtual display. */
async function startWebKit(): Promise<Engine> {
  const home = await mkdtemp(join(tmpdir(), 'spin-webkit-'));
  const port = await freePort();
  const child = spawn('xvfb-run', ['-a', 'WebKitWebDriver', `--port=${port}`], {
    stdio: 'ignore',
    detached: true,
    env: {
      ...process.env,
      HOME: home,
      XDG_RUNTIME_DIR: home,
      // Neither a sandbox in a container nor a graphics card: both are the machine's, not the engine's.
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
      WEBKIT_DISABLE_COMPOSITING_MODE: '1',
      WEBKIT_DISABLE_DMABUF_RENDERER: '1',
    },
  });
  const base = `http://127.0.0.1:${port}`;
  const send = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(base + path, { method, ...(body && { body: JSON.stringify(body) }) });
    const { value } = (await response.json()) as { value: Json | null };
    if (!response.ok) throw new Error(`${value?.error}: ${value?.message}`);
    return value;
  };
  await until(async () => (await send('GET', '/status').catch(() => undefined)) !== undefined, 60_000);
  const { sessionId } = (await send('POST', '/session', {
    capabilities: {
      alwaysMatch: {
        acceptInsecureCerts: true,
        timeouts: { script: PAGE_MS, pageLoad: PAGE_MS },
        'webkitgtk:browserOptions': { args: ['--automation'] },
      },
    },
  })) as { sessionId: string };
  const session = `/session/${sessionId}`;
  return {
    goto: async (url) => void (await send('POST', `${session}/url`, { url })),
    evaluate: (script) =>
      send('POST', `${session}/execute/async`, {
        script: `const done = arguments[arguments.length - 1]; Promise.resolve(${script}).then(done, (error) => done(String(error)));`,
        args: [],
      }),
    async close() {
      await send('DELETE', session).catch(() => {});
      await end(child, true);
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

type Json = Readonly<Record<string, unknown>>;

/** The first group of the first line of a program's standard error that matches. */
async function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  if (child.stderr === null) throw new Error('its standard error is not read');
  const lines = createInterface({ input: child.stderr });
  for await (const line of lines) {
    const found = pattern.exec(line)?.[1];
    if (found !== undefined) {
      child.stderr.resume();
      return found;
    }
  }
  throw new Error('the browser has ended');
}

/** @param group also what it has started */
async function end(child: ChildProcess, group = false): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  process.kill(group ? -child.pid : child.pid, 'SIGTERM');
  await ended;
}
