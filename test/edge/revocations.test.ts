import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mock } from 'node:test';
import { pino } from 'pino';
import t from 'tap';
import { openRevocations } from '../../gateway/edge/revocations.js';
import { openSharedRevocations } from '../../gateway/edge/shared-revocations.js';
import { memoryLog } from '../support/edge.js';
import { until } from '../support/until.js';

const LATER = Math.floor(Date.now() / 1000) + 3600;
const ID = '00000000-0000-4000-8000-000000000001';

t.test('X14: what a full disk does not take holds at once, is said once, and is written later', async (t) => {
  const folder = join(t.testdir({ var: {} }), 'var', 'sessions');
  // A file where the folder has to be: nothing can be written there, as root neither.
  await writeFile(folder, '');
  const file = join(folder, 'revoked.json');
  const lines: string[] = [];
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  await rm(folder);
  const revocations = await openRevocations(file, Date.now, memoryLog(lines));
  await writeFile(folder, '');
  await revocations.revoke('one', LATER);
  t.equal(await revocations.add('two', LATER), true, 'a link that is used now logs in');
  t.equal(await revocations.add('two', LATER), false, 'once');
  t.ok(revocations.has('one') && revocations.has('two'));
  t.equal(lines.filter((line) => line.includes('cannot save')).length, 1);

  await rm(folder);
  await mkdir(dirname(file), { recursive: true });
  mock.timers.tick(5_000);
  mock.timers.reset();
  await until(() => lines.some((line) => line.includes('saved again')));
  t.same(Object.keys(JSON.parse(await readFile(file, 'utf8'))), ['one', 'two']);
});

t.test('X14: the gateway tries once more when it ends', async (t) => {
  const folder = join(t.testdir({ var: {} }), 'var', 'sessions');
  const file = join(folder, 'revoked.json');
  const revocations = await openRevocations(file, Date.now, pino({ level: 'silent' }));
  await writeFile(folder, '');
  await revocations.revoke('one', LATER);
  await rm(folder);
  await revocations.close();
  t.same(Object.keys(JSON.parse(await readFile(file, 'utf8'))), ['one']);
});

t.test(
  'X14: a logout that the shared folder does not take holds here, and reaches the others later',
  async (t) => {
    const shared = t.testdir({ revoked: {} });
    const lines: string[] = [];
    const here = await openSharedRevocations(shared, Date.now, memoryLog(lines));
    t.teardown(() => here.close());
    const there = await openSharedRevocations(shared, Date.now, pino({ level: 'silent' }));
    t.teardown(() => there.close());
    // Root writes to a folder of any mode, but not to one that is away.
    await rm(join(shared, 'revoked'), { recursive: true });
    await here.revoke(ID, LATER);
    t.ok(here.has(ID));
    t.ok(lines.some((line) => line.includes('cannot be written')));
    await t.rejects(here.add('00000000-0000-4000-8000-000000000002', LATER), { code: 'SHARED_FOLDER_AWAY' });
    await mkdir(join(shared, 'revoked'));
    await chmod(join(shared, 'revoked'), 0o700);
    await until(() => there.has(ID), 20_000);
    t.pass('told');
  },
);
