import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';

t.test('the parts of the kernel helper, which are one module in a kernel, share no name', async (t) => {
  const folder = join('processors', 'kernel');
  const owners = new Map<string, string>();
  for (const part of (await readdir(folder)).filter((name) => name.endsWith('.py'))) {
    const source = await readFile(join(folder, part), 'utf8');
    for (const [, defined, assigned] of source.matchAll(/^(?:(?:async )?(?:def|class) (\w+)|(\w+) = )/gm)) {
      const name = String(defined ?? assigned);
      t.equal(owners.get(name), undefined, `${name} of ${part}`);
      owners.set(name, part);
    }
  }
  t.ok(owners.size > 100, `${owners.size} names were seen`);
});
