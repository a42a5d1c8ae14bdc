import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Revocations } from '../../gateway/edge/revocations.js';
import { openSharedRevocations } from '../../gateway/edge/shared-revocations.js';
import { createLog } from '../../gateway/log.js';
import { until } from '../support/until.js';

const HOUR = 3600;
const now = () => Math.floor(Date.now() / 1000);

async function open(t: Test, folder: string): Promise<Revocations> {
  const revocations = await openSharedRevocations(folder, Date.now, createLog('silent'));
  t.teardown(() => revocations.close());
  return revocations;
}

t.test('what one revokes the other learns, and tells', async (t) => {
  const folder = t.testdir({});
  const [one, two] = [await open(t, folder), await open(t, folder)];
  const told: string[] = [];
  two.onAdded((id) => told.push(id));
  const id = randomUUID();
  t.equal(await one.add(id, now() + HOUR), true);
  t.equal(one.has(id), true);
  await until(() => two.has(id));
  t.same(told, [id]);
  t.equal(await two.add(id, now() + HOUR), false);
  t.equal((await open(t, folder)).has(id), true, 'one that starts later knows it from the start');
});

t.test('of two that revoke the same at once one succeeds', async (t) => {
  const folder = t.testdir({});
  const both = [await open(t, folder), await open(t, folder)];
  const until = now() + HOUR;
  for (const id of Array.from({ length: 20 }, () => randomUUID())) {
    const won = await Promise.all(both.map((each) => each.add(id, until)));
    t.same([...won].sort(), [false, true]);
  }
});

t.test('files hold nothing, are for one user, and go when nothing depends on them', async (t) => {
  const folder = t.testdir({});
  await mkdir(join(folder, 'revoked'), { mode: 0o700 });
  const [old, other] = [`${randomUUID()}.${now() - 3 * HOUR}`, 'not ours.txt'];
  for (const name of [old, other]) await writeFile(join(folder, 'revoked', name), '');
  const revocations = await open(t, folder);
  const [id, until] = [randomUUID(), now() + HOUR];
  await revocations.add(id, until);
  t.same((await readdir(join(folder, 'revoked'))).sort(), [`${id}.${until}`, other].sort());
});

t.test(
  'S15: what lies in the folder that is no entry, or can not be removed, takes nobody’s session',
  async (t) => {
    const folder = t.testdir({});
    const revoked = join(folder, 'revoked');
    await mkdir(join(revoked, `${randomUUID()}.1`, 'inside'), { recursive: true });
    await symlink('/etc/passwd', join(revoked, `${randomUUID()}.2`));
    for (const name of [
      'x.1',
      `${randomUUID()}`,
      `${randomUUID()}.`,
      `${randomUUID()}.1e9`,
      `${randomUUID()}.${now()}.tmp`,
    ])
      await writeFile(join(revoked, name), 'anything');
    let clock = Date.now();
    const revocations = await openSharedRevocations(folder, () => clock, createLog('silent'));
    t.teardown(() => revocations.close());
    const [id, end] = [randomUUID(), now() + HOUR];
    t.equal(await revocations.add(id, end), true);
    t.equal(revocations.has(randomUUID()), false);
    t.equal(revocations.isCurrent(), true);
    t.notOk(
      (await readdir(revoked)).some((name) => name.endsWith('.2')),
      'an old entry is gone, link or not',
    );

    await rm(join(revoked, `${id}.${end}`));
    t.equal(revocations.has(id), true, 'a removed file revives no session');
    clock += 3 * HOUR * 1000;
    await until(() => !revocations.has(id));
  },
);

t.test('a folder that is not there is an error', async (t) => {
  await t.rejects(openSharedRevocations('/nonexistent/shared', Date.now, createLog('silent')), {
    code: 'ENOENT',
  });
});
