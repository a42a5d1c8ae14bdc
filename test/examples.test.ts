import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { blocksOf } from './support/page.js';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

// What runs them: test/real/readme.test.ts and test/real/add-on.test.ts take the same text from these pages.
for (const [file, page, heading] of [
  ['processors/shout.mjs', 'CONTRIBUTING.md', 'Adding a processor'],
  ['processors/oncall.mjs', 'CONTRIBUTING.md', 'One with connections'],
  ['connections.yaml', 'docs/guide/connections.md', 'Connections'],
] as const) {
  t.test(`examples/${file} is what ${page} shows, and what a test runs`, async (t) => {
    const [block] = await blocksOf(page, heading);
    t.equal(readFileSync(`${examples}${file}`, 'utf8'), `${block?.text}\n`);
  });
}
