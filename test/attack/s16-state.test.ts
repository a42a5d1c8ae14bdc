import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { loadConfig } from '../../gateway/config/load.js';
import { startGateway } from '../../gateway/main.js';
import { writeState } from '../../gateway/state.js';
import { ask, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';

const LARGE = 1_000_000;

t.test('S16: every file that a running gateway keeps is its own alone', async (t) => {
  const root = t.testdir();
  const env = { SPIN_HOME: root, SPIN_PORT: '0', SPIN_UPSTREAM: 'http://127.0.0.1:9' };
  const { config } = await loadConfig(env);
  const gateway = await startGateway(config, pino({ level: 'silent' }), () => {});
  t.teardown(() => gateway.close());
  const origin = `http://127.0.0.1:${gateway.url.port}`;
  const login = await postForm(`${origin}/spin/login`, { token: config.token.reveal() });
  await postForm(`${origin}/spin/logout`, {}, { cookie: cookieFrom(login) });
  await ask(`${origin}/`, { headers: NAVIGATION });

  const files: string[] = [];
  for (const entry of await readdir(join(root, 'var'), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const mode = (await stat(path)).mode & 0o777;
    t.equal(mode, entry.isDirectory() ? 0o700 : 0o600, path.slice(root.length));
    if (entry.isFile()) files.push(path.slice(root.length));
  }
  t.same(files.sort(), [
    '/var/layout',
    '/var/sessions/revoked.json',
    '/var/tls/ca-key.pem',
    '/var/tls/ca.pem',
    '/var/tls/server.pem',
    '/var/token',
  ]);
});

t.test('S16: whoever reads while a file is written sees the old one or the new one', async (t) => {
  const path = join(t.testdir(), 'state');
  await writeState(path, 'a'.repeat(LARGE));
  let writing = true;
  const writer = (async () => {
    for (const letter of 'bcdefghijklmnopqrstuvwxyz') await writeState(path, letter.repeat(LARGE));
    writing = false;
  })();
  const seen = new Set<string>();
  while (writing) {
    const content = await readFile(path, 'latin1');
    const [first = ''] = content;
    if (content !== first.repeat(LARGE)) t.fail(`a part: ${content.length} bytes that begin with ${first}`);
    seen.add(first);
  }
  await writer;
  t.ok(seen.size > 1, 'reading met writing');
  t.same(await readdir(join(path, '..')), ['state'], 'and no half-written file is left');
});
