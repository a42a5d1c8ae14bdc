import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

// A pattern that an update of Biome reads otherwise would find nothing, without a word.

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The lines of `code` that a plugin of `lint/` finds fault with. */
function faults(t: Test, plugin: string, code: string): number[] {
  const folder = t.testdir({
    'biome.json': JSON.stringify({ root: true, plugins: [`${ROOT}lint/${plugin}.grit`] }),
    'sample.ts': code,
  });
  const args = ['lint', '--reporter=github', '--only=plugin', 'sample.ts'];
  const { stdout } = spawnSync(`${ROOT}node_modules/.bin/biome`, args, { cwd: folder, encoding: 'utf8' });
  return [...stdout.matchAll(/title=plugin,.*?,line=(\d+)/g)].map(([, line]) => Number(line));
}

t.test('a body of one short statement has no braces', async (t) => {
  const code = [
    'function f(xs: number[]) {',
    '  if (xs.length === 0) { return 1; }',
    '  if (xs.length === 1) return 2;',
    '  else { throw new Error(); }',
    '  for (const x of xs) { f([x]); }',
    '  for (const x of xs) { f([x]); f([]); }',
    '  for (const x of xs) { if (x) f([x]); }',
    '  while (f([])) { break; }',
    '  if (f([])) { // why',
    '    return 3; }',
    '  if (f([])) { return f(',
    '    [4]); }',
    '  try { return 5; } catch { return 6; }',
    '}',
  ];
  t.same(faults(t, 'bare-statements', code.join('\n')), [2, 4, 5, 8]);
});

t.test("a module's numbers, strings and patterns are SCREAMING_CASE", async (t) => {
  const code = [
    'const lookEvery = 5;',
    'const LOOK_EVERY_MS = 5 * 1_000;',
    'export const longest = 2 * LOOK_EVERY_MS;',
    'const prefix: string = "a";',
    'const Pattern = /a/;',
    'let count = 0;',
    'const table = { a: 1 };',
    'const f = (x = 5) => { const y = 5; return x + y; };',
    'for (const x of [1]) { const y = 5; f(x + y); }',
  ];
  t.same(faults(t, 'constant-names', code.join('\n')), [1, 3, 4, 5]);
});
