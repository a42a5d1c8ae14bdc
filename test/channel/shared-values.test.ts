import { execFile } from 'node:child_process';
import {
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { Delivered } from '../../gateway/channel/hidden/delivered.js';
import { openSharedValues } from '../../gateway/channel/hidden/shared-values.js';
import { Secret } from '../../processors/core/secret.js';
import { CANARY, filesWithLeak } from '../support/canary.js';

const TOKEN = new Secret('test-token-0123456789');
const KERNEL = '0f1c2d3e-0000-4000-8000-000000000000';

/** A replica's shelf of a kernel, and what it hides. */
async function replica(folder: string, kernel = KERNEL, token = TOKEN) {
  const values = await openSharedValues(folder, token);
  const delivered = new Delivered();
  const shelf = values.shelf(kernel, delivered);
  const put = (...texts: string[]) => shelf.put(texts.map((text) => new Secret(text)));
  return { values, put, look: () => shelf.look(), hides: (text: string) => delivered.hide(text) === '***' };
}

/** @returns the paths of all that stands below the folder for all kernels */
async function kept(folder: string): Promise<string[]> {
  const entries = await readdir(join(folder, 'delivered'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name));
}

/** A folder with one value of {@link KERNEL}, and its file. */
async function withOne(t: Test) {
  const folder = t.testdir({});
  await (await replica(folder)).put(CANARY);
  const [file = ''] = await kept(folder);
  return { folder, file };
}

t.test('what one puts the others find, and so does one that starts later', async (t) => {
  const folder = t.testdir({});
  const [one, two] = [await replica(folder), await replica(folder)];
  await two.look();
  t.notOk(two.hides(CANARY));
  await one.put(CANARY, 'a second value');
  t.ok(one.hides(CANARY));
  for (const each of [two, await replica(folder)]) {
    await each.look();
    t.ok(each.hides(CANARY));
    t.ok(each.hides('a second value'));
  }
  const other = await replica(folder, 'another-kernel');
  await other.look();
  t.notOk(other.hides(CANARY), 'a kernel that was not given it');
});

t.test('two that put the same at once are no trouble to each other, and it is kept once', async (t) => {
  const folder = t.testdir({});
  const all = [await replica(folder), await replica(folder), await replica(folder)];
  await Promise.all(all.map((each) => each.put(CANARY)));
  await Promise.all(all.map((each) => each.put(CANARY)));
  t.equal((await kept(folder)).length, 1);
  const late = await replica(folder);
  await late.look();
  t.ok(late.hides(CANARY));
});

t.test('S10, S16: a file holds no value, tells nothing by its name, and is for one user', async (t) => {
  const folder = t.testdir({});
  await (await replica(folder)).put(CANARY);
  await (await replica(folder, 'another-kernel')).put(CANARY);
  t.same(await filesWithLeak(folder), { leaks: [], searched: 2 });
  const files = await kept(folder);
  t.equal(new Set(files.map((file) => file.split('/').at(-1))).size, 2, 'nor that two kernels have the same');
  for (const file of files) {
    t.notMatch(file, KERNEL);
    t.equal((await stat(file)).mode & 0o777, 0o600);
    t.equal((await stat(join(file, '..'))).mode & 0o777, 0o700);
  }
  t.equal((await stat(join(folder, 'delivered'))).mode & 0o777, 0o700);
});

t.test('a look finds what was put before it, also while another look runs', async (t) => {
  const folder = t.testdir({});
  const [one, two] = [await replica(folder), await replica(folder)];
  for (let round = 0; round < 50; round++) {
    const value = `value number ${round}`;
    const running = two.look();
    await one.put(value);
    await two.look();
    t.ok(two.hides(value));
    await running;
  }
});

t.test('a kernel’s id is no path', async (t) => {
  const folder = t.testdir({});
  for (const id of ['../../outside', '..', '.', '', 'a\0b', '/etc/x', 'x'.repeat(5000)]) {
    await (await replica(folder, id)).put(CANARY);
    const again = await replica(folder, id);
    await again.look();
    t.ok(again.hides(CANARY));
  }
  t.same(await readdir(folder), ['delivered']);
  t.equal((await readdir(join(folder, 'delivered'))).length, 7);
});

t.test('S13: without the folder nothing can be put, and no look succeeds', async (t) => {
  const folder = t.testdir({});
  const one = await replica(folder);
  await one.put(CANARY);
  await rename(join(folder, 'delivered'), join(folder, 'away'));
  const away = { code: 'SHARED_FOLDER_AWAY', message: /SPIN_SHARED/ };
  await t.rejects(one.look(), away);
  await t.rejects(one.put('another value'), away);
  t.notOk(one.hides('another value'));
  t.same(await readdir(folder), ['away'], 'it is not made anew: a mount is missing');
  await rename(join(folder, 'away'), join(folder, 'delivered'));
  await one.put('another value');
  await one.look();
  await rm(join(folder, 'delivered'), { recursive: true });
  await writeFile(join(folder, 'delivered'), '');
  await t.rejects(one.look(), away, 'a file in its place');
});

t.test('S13: what cannot be read could not be hidden: no look succeeds', async (t) => {
  const damages: Readonly<Record<string, (file: string) => Promise<unknown>>> = {
    'an empty file': (file) => writeFile(file, ''),
    'a file cut short': (file) => truncate(file, 40),
    'another text': (file) => writeFile(file, 'eyJhbGciOiJub25lIn0..a.b.c'),
    'a huge file': (file) => truncate(file, 17 * 1024 * 1024),
    'a file under another name': (file) => rename(file, join(file, '..', '0'.repeat(32))),
    'a folder': async (file) => {
      await rm(file);
      await mkdir(file);
    },
    'a link': async (file) => {
      await rename(file, `${file}.real`);
      await symlink(`${file}.real`, file);
    },
    'a pipe': async (file) => {
      await rm(file);
      await promisify(execFile)('mkfifo', [file]);
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    const { folder, file } = await withOne(t);
    await damage(file);
    await t.rejects(
      (await replica(folder)).look(),
      { code: 'SHARED_FOLDER_AWAY', message: /SPIN_SHARED/ },
      name,
    );
    await rm(join(folder, 'delivered'), { recursive: true });
  }
  const { folder } = await withOne(t);
  const rotated = await replica(folder, KERNEL, new Secret('another-token-0123456789'));
  await t.rejects(rotated.look(), { message: /another SPIN_TOKEN/ });
});

t.test('another kernel’s file says nothing here', async (t) => {
  const { folder, file } = await withOne(t);
  await (await replica(folder, 'another-kernel')).put('the other value');
  const other = (await kept(folder)).find((each) => each !== file) ?? '';
  await cp(other, join(file, '..', other.split('/').at(-1) ?? ''));
  await t.rejects((await replica(folder)).look(), { code: 'SHARED_FOLDER_AWAY' });
});

t.test('a file that is being written, or whose writer died, is not read', async (t) => {
  const { folder, file } = await withOne(t);
  await writeFile(`${file}.0b9f3c6e-0000-4000-8000-000000000000`, (await readFile(file)).subarray(0, 10));
  const late = await replica(folder);
  await late.look();
  t.ok(late.hides(CANARY));
});

t.test('kernels that have ended leave nothing', async (t) => {
  const folder = t.testdir({});
  const [one, gone, young] = [
    await replica(folder),
    await replica(folder, 'gone'),
    await replica(folder, 'young'),
  ];
  await one.put(CANARY);
  await gone.put(CANARY);
  await writeFile(join(folder, 'delivered', 'not ours'), '');
  await one.values.sweep(async () => new Set([KERNEL]));
  const shelves = () => readdir(join(folder, 'delivered'));
  t.equal((await shelves()).length, 3, 'another replica may still have frames of it');
  const earlier = new Date(Date.now() - 61 * 60 * 1000);
  for (const name of await shelves()) await utimes(join(folder, 'delivered', name), earlier, earlier);
  // A kernel that was started after Jupyter has made its list.
  await one.values.sweep(async () => {
    await young.put(CANARY);
    return new Set([KERNEL]);
  });
  const hidden = async (kernel: string) => {
    const late = await replica(folder, kernel);
    await late.look();
    return late.hides(CANARY);
  };
  t.same([await hidden(KERNEL), await hidden('gone'), await hidden('young')], [true, false, true]);
  t.equal((await shelves()).length, 3, 'and what is not ours stays');
  await t.rejects(
    one.values.sweep(async () => {
      throw new Error('down');
    }),
  );
  t.ok(await hidden(KERNEL), 'nobody knows whether it lives');
});

t.test('S15: a kernel keeps a thousand values', async (t) => {
  const one = await replica(t.testdir({}));
  const texts = Array.from({ length: 1001 }, (_, index) => `value number ${index}`);
  await t.rejects(one.put(...texts), { code: 'SHARED_FOLDER_AWAY', message: /1000/ });
  t.notOk(one.hides('value number 0'));
});

t.test('a folder that is not there is an error', async (t) => {
  await t.rejects(openSharedValues('/nonexistent/shared', TOKEN), { code: 'ENOENT' });
});
