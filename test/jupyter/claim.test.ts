import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { homeAt } from '../../gateway/home.js';
import { claimUser } from '../../gateway/jupyter/claim.js';

const USER = { uid: 60_971, gid: 60_971 };

/** A process that has the name of another home's gateway. */
async function claimElsewhere(t: Test, uid: number): Promise<void> {
  const program = `require('net').createServer().listen({ path: '\\0spin-runtime/${USER.uid}/0123456789abcdef/1' },
    () => console.log('bound'))`;
  const child = spawn(process.execPath, ['-e', program], {
    uid,
    gid: uid,
    cwd: '/',
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill());
  await once(child.stdout, 'data');
}

async function temporaryHome(t: Test) {
  const home = homeAt(await mkdtemp(join(tmpdir(), 'spin-test-')));
  t.teardown(() => rm(home.root, { recursive: true, force: true }));
  return home;
}

const options = process.geteuid?.() === 0 ? {} : { skip: 'only root gives Jupyter a user of its own' };

t.test('X12: a name that notebook code has made keeps no gateway from starting', options, async (t) => {
  const home = await temporaryHome(t);
  await claimElsewhere(t, USER.uid);
  const claim = await claimUser(home, USER);
  claim.release();
});

t.test('X12: a name of another gateway does', options, async (t) => {
  const home = await temporaryHome(t);
  await claimElsewhere(t, 0);
  await t.rejects(claimUser(home, USER), { name: 'JupyterSetupError' });
});
