import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type Passage, passages } from '../../gateway/policy/passes.js';

const page = readFileSync(
  fileURLToPath(new URL('../../../docs/reference/what-passes.md', import.meta.url)),
  'utf8',
);

const words: Readonly<Record<Exclude<Passage['treatment'], 'plain'>, string>> = {
  channel: 'read',
  posted: 'plain cells',
  opaque: 'unread',
  careful: 'unread, with care',
  named: 'by name',
};
const over = { http: 'requests', websocket: 'websockets', both: 'both' } as const;

/** The rows below a heading whose first column is a path. */
function rowsBelow(heading: string): readonly (readonly string[])[] {
  const [, text = ''] = page.split(`## ${heading}\n`);
  const [section = ''] = text.split('\n## ');
  return section
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, path]) => path?.startsWith('`/') && !path.includes(','))
    .map((cells) => cells.slice(1, -1));
}

t.test('J3: the page shows the one table, row by row', async (t) => {
  const own: (readonly string[])[] = [];
  const plain: (readonly string[])[] = [];
  for (const { path, takes, treatment, what, methods, ...passage } of passages) {
    if (treatment === 'plain') plain.push([`\`${path}\``, `\`${takes}\``, what]);
    else {
      const by = (methods ?? [over[passage.over]]).join(', ');
      own.push([`\`${path}\``, by, words[treatment], `\`${takes}\``, what]);
    }
  }
  t.same(rowsBelow('The table'), own);
  t.same(rowsBelow('Jupyter’s own requests'), plain);
  for (const word of Object.values(words)) t.match(page, `| ${word} `, 'is explained');
});

t.test('S9: no row stands behind one that fits the same, and each begins with a name', async (t) => {
  for (const { path } of passages) t.match(path, /^\/(?:[a-z][^*]*)?/, path);
  const seen = passages.map(({ path, over: way, methods }) => `${path} ${way} ${methods}`);
  t.equal(new Set(seen).size, seen.length);
});
