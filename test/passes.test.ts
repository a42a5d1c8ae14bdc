import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type Passage, passages } from '../gateway/policy/passes.js';

const page = readFileSync(
  fileURLToPath(new URL('../../docs/reference/what-passes.md', import.meta.url)),
  'utf8',
);

const words: Readonly<Record<Passage['treatment'], string>> = {
  channel: 'read',
  posted: 'plain cells',
  opaque: 'unread',
  careful: 'unread, with care',
  named: 'by name',
};
const over = { http: 'requests', websocket: 'websockets', both: 'both' } as const;

t.test('J3: the page shows the one table, row by row', async (t) => {
  const rows = page
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, path]) => path?.startsWith('`/') && !path.includes(','))
    .map(([, path, by, how, what]) => [path, by, how, what]);
  t.same(
    rows,
    passages.map((passage) => [
      `\`${passage.path}\``,
      (passage.methods ?? [over[passage.over]]).join(', '),
      words[passage.treatment],
      passage.what,
    ]),
  );
  for (const word of Object.values(words)) t.match(page, `| ${word} `, 'is explained');
});
