import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import ts from 'typescript';

const root = resolve(import.meta.dirname, '..', '..');

// TypeScript reads the types of every dependency.
t.setTimeout(300_000);

/** What an editor says of an add-on, as it would in a project that has the package. */
function mistakesIn(files: readonly string[]): string[] {
  const program = ts.createProgram(files, {
    allowJs: true,
    checkJs: true,
    noEmit: true,
    strict: true,
    // Parameters of the example's own functions say no types.
    noImplicitAny: false,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    types: ['node'],
  });
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

t.test('an add-on’s author has types, and the examples keep to them', async (t) => {
  const examples = ['shout', 'oncall'].map((name) => join(root, `examples/processors/${name}.mjs`));
  t.same(mistakesIn(examples), []);
  // Inside the project, where the package finds itself by its name.
  const folder = mkdtempSync(join(root, 'dist', 'types-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const wrong = join(folder, 'wrong.mjs');
  writeFileSync(
    wrong,
    "/** @type {import('spin-runtime/processor').Processor} */\nexport default { name: 'x', summary: 1, options: {}, compile() {} };\n",
  );
  t.match(mistakesIn([wrong]).join('\n'), /'number' is not assignable to type 'string'/);
});
