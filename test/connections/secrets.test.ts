import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readSecretFile, secretFileNames } from '../../gateway/connections/secrets.js';

t.test('a file is a secret, without the newline at its end', async (t) => {
  const folder = t.testdir({
    plain: 'canary',
    line: 'canary\n',
    windows: 'canary\r\n',
    lines: '-----\n a\tb \n-----\n\n',
    empty: '',
    'a.b-c_d': 'é—ü',
    '.hidden': 'x',
  });
  const read = (name: string) => readSecretFile(folder, name)?.reveal();
  t.equal(read('plain'), 'canary');
  t.equal(read('line'), 'canary');
  t.equal(read('windows'), 'canary');
  t.equal(read('lines'), '-----\n a\tb \n-----\n', 'one newline alone, and no other space');
  t.equal(read('empty'), '');
  t.equal(read('a.b-c_d'), 'é—ü');
  t.equal(read('nope'), undefined);
  t.same(secretFileNames(folder).toSorted(), ['a.b-c_d', 'empty', 'line', 'lines', 'plain', 'windows']);
});

t.test('S8: no name leaves the folder', async (t) => {
  const root = t.testdir({ outside: 'canary', secrets: { inner: { deep: 'canary' } } });
  const folder = join(root, 'secrets');
  for (const name of [
    '../outside',
    'inner/deep',
    '/etc/hostname',
    '.',
    '..',
    '',
    'a\0b',
    '..\\outside',
    '.hidden',
  ]) {
    t.equal(readSecretFile(folder, name), undefined, JSON.stringify(name));
  }
});

t.test('what is no secret is said by its name, and nothing of it', async (t) => {
  const folder = t.testdir({
    folder: {},
    large: `canary${'x'.repeat(64 * 1024)}`,
    fits: 'x'.repeat(64 * 1024),
  });
  writeFileSync(join(folder, 'binary'), Buffer.from([0x63, 0xff, 0xfe]));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  symlinkSync('/dev/zero', join(folder, 'device'));
  symlinkSync('circle', join(folder, 'circle'));
  const wrong: Readonly<Record<string, RegExp>> = {
    folder: /^The secret folder is not a file\.$/,
    pipe: /^The secret pipe is not a file\.$/,
    device: /^The secret device is not a file\.$/,
    large: /^The secret large is larger than 64 KiB\.$/,
    binary: /^The secret binary is not text in UTF-8\.$/,
    circle: /^The secret circle can't be read by the gateway \(ELOOP\)\.$/,
    ['n'.repeat(300)]: /can't be read by the gateway \(ENAMETOOLONG\)\.$/,
  };
  for (const [name, message] of Object.entries(wrong)) {
    t.throws(() => readSecretFile(folder, name), { name: 'CellError', message }, name);
  }
  t.equal(readSecretFile(folder, 'fits')?.reveal().length, 64 * 1024);
  if (process.getuid?.() !== 0) {
    chmodSync(join(folder, 'fits'), 0);
    t.throws(() => readSecretFile(folder, 'fits'), { message: /\(EACCES\)/ });
  }
});

t.test('a mounted folder of Kubernetes: links that are swapped', async (t) => {
  const folder = t.testdir({ '..v1': { db: 'first' }, '..v2': { db: 'second' } });
  symlinkSync('..v1', join(folder, '..data'));
  symlinkSync('..data/db', join(folder, 'db'));
  t.equal(readSecretFile(folder, 'db')?.reveal(), 'first');
  symlinkSync('..v2', join(folder, '..new'));
  renameSync(join(folder, '..new'), join(folder, '..data'));
  t.equal(readSecretFile(folder, 'db')?.reveal(), 'second');
  t.same(secretFileNames(folder), ['db'], 'its own folders are no secrets');
  mkdirSync(join(folder, 'sub'));
  t.same(secretFileNames(join(folder, 'gone')), []);
});
