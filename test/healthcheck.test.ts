import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { freePort } from './support/free-port.js';
import { shortFolder } from './support/short-folder.js';

const gateway = fileURLToPath(new URL('../gateway/cli.js', import.meta.url));
const healthcheck = fileURLToPath(new URL('../../docker/healthcheck.mjs', import.meta.url));

t.setTimeout(120_000);

type Settings = Readonly<Record<string, string>>;

/** Starts a gateway with nothing behind it, and waits until it says where it is. */
async function start(t: Test, settings: Settings): Promise<void> {
  const env = { PATH: process.env.PATH, ...settings };
  const child = spawn(process.execPath, [gateway], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  t.teardown(() => {
    child.kill('SIGTERM');
    return ended;
  });
  const said = text(child.stderr);
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(async () => Promise.reject(new Error(`the gateway ended:\n${await said}`))),
  ]);
}

/** Runs the health check of the image, with the settings that it finds there: the gateway's own. */
async function check(settings: Settings): Promise<{ readonly status: number; readonly why: string }> {
  const child = spawn(process.execPath, [healthcheck], {
    env: settings,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [why, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { status, why };
}

async function settings(t: Test, own: Settings): Promise<Settings> {
  const port = String(await freePort());
  const nothing = { SPIN_UPSTREAM: 'http://127.0.0.1:9/base/path' };
  return {
    SPIN_HOME: t.testdir(),
    SPIN_TOKEN: 'canary-token-0123456789',
    SPIN_PORT: port,
    ...nothing,
    ...own,
  };
}

const WAYS: Readonly<Record<string, (folder: string) => Settings>> = {
  'every address, as in the image': () => ({ SPIN_HOST: '0.0.0.0' }),
  'every address, with IPv6': () => ({ SPIN_HOST: '[::]' }),
  'loopback, by a variable that is set to nothing': () => ({ SPIN_HOST: '' }),
  'loopback with IPv6': () => ({ SPIN_HOST: '::1' }),
  'a name': () => ({ SPIN_HOST: 'localhost' }),
  'without TLS': () => ({ SPIN_TLS: 'off' }),
  'with TLS only': () => ({ SPIN_HOST: '0.0.0.0', SPIN_TLS: 'required' }),
  'a socket': (folder) => ({ SPIN_HOST: `unix:${join(folder, 's')}` }),
  'a socket without TLS': (folder) => ({ SPIN_HOST: `unix:${join(folder, 's')}`, SPIN_TLS: 'off' }),
  'a socket with TLS only': (folder) => ({ SPIN_HOST: `unix:${join(folder, 's')}`, SPIN_TLS: 'required' }),
  'behind a proxy, under one public name': () => ({
    SPIN_HOST: '0.0.0.0',
    SPIN_PUBLIC_URL: 'https://notebooks.example.com',
    SPIN_TRUSTED_PROXIES: '127.0.0.1,::1',
  }),
};

for (const [where, own] of Object.entries(WAYS)) {
  t.test(`finds the gateway at ${where}`, async (t) => {
    const all = await settings(t, own(await shortFolder(t)));
    await start(t, all);
    t.same(await check(all), { status: 0, why: '' });
  });
}

t.test('a gateway that is not there is unhealthy, with a reason', async (t) => {
  const there = await check(await settings(t, {}));
  t.match(there, { status: 1, why: /ECONNREFUSED/ });
});

t.test('a notebook that is run once listens nowhere, and is healthy', async (t) => {
  t.same(await check(await settings(t, { RUNTIME_MODE: 'oneshot' })), { status: 0, why: '' });
});
