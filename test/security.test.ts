import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { promisesOf } from './support/promises.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const promises = promisesOf();

t.test('every promise of SECURITY.md names the tests that hold it', async (t) => {
  t.same(
    promises.flatMap(({ names }) => names),
    Array.from({ length: 18 }, (_, index) => `S${index + 1}`),
    'from S1 to the last',
  );
  for (const { names, tests } of promises) {
    t.ok(tests.length > 0, `${names}: a test is named`);
    for (const test of tests) {
      if (!existsSync(`${root}${test}`)) {
        t.fail(`${names}: there is no ${test}`);
        continue;
      }
      const text = `${test}\n${readFileSync(`${root}${test}`, 'utf8')}`;
      const isNamed = names.some((name) => new RegExp(`/${name}-|\\b${name}\\b.*: `, 'i').test(text));
      t.ok(isNamed, `${test} says that it is about ${names.join(' or ')}`);
    }
  }
});

t.test('no test of an attack is left out of SECURITY.md', async (t) => {
  for (const file of readdirSync(`${root}test/attack`).filter((name) => name.endsWith('.test.ts'))) {
    const name = /^s\d+/.exec(file)?.[0].toUpperCase() ?? '';
    const promise = promises.find(({ names }) => names.includes(name));
    t.ok(promise?.tests.includes(`test/attack/${file}`), `${name}: ${file}`);
  }
});
