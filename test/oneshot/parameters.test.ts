import t from 'tap';
import { type Notebook, parseNotebook } from '../../gateway/oneshot/notebook.js';
import { injectParameters, parseParameter } from '../../gateway/oneshot/parameters.js';

const code = (source: string, tags: string[] = []) => ({
  cell_type: 'code',
  id: source,
  metadata: { tags },
  source,
  outputs: [],
  execution_count: null,
});
const notebookOf = (...cells: object[]): Notebook =>
  parseNotebook(JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
const inject = (notebook: Notebook, ...texts: string[]) => {
  injectParameters(notebook, texts.map(parseParameter), 'python');
  return notebook.cells.map(({ source }) => source);
};

t.test('parameters stand behind the cell that is tagged for them, else at the top', async (t) => {
  const injected = '# Parameters\ndays = 7\n';
  t.same(inject(notebookOf(code('a'), code('b', ['parameters']), code('c')), 'days=7'), [
    'a',
    'b',
    injected,
    'c',
  ]);
  t.same(inject(notebookOf(code('a')), 'days=7'), [injected, 'a']);
  const twice = notebookOf(code('a', ['parameters']), code('b'));
  inject(twice, 'days=6');
  t.same(inject(twice, 'days=7'), ['a', injected, 'b'], 'an earlier run is replaced');
  t.match(twice.cells[1], {
    cell_type: 'code',
    id: /^[0-9a-f]{8}$/,
    metadata: { tags: ['injected-parameters'] },
  });
  t.same(inject(notebookOf(code('a'))), ['a'], 'none, no cell');
});

t.test('a value that is JSON is that, any other a string', async (t) => {
  const cases: Record<string, string> = {
    '7': '7',
    '1.50': '1.50',
    '12345678901234567890': '12345678901234567890',
    true: 'True',
    null: 'None',
    '"true"': '"true"',
    True: '"True"',
    '007': '"007"',
    '': '""',
    'a=b': '"a=b"',
    'say "hi"\n\\': '"say \\"hi\\"\\n\\\\"',
    '[1, {"null": false, "a\\/b": "\\ud83d\\ude00"}]': '[1, {"null": False, "a/b": "😀"}]',
    "'); import os #": '"\'); import os #"',
  };
  for (const [value, python] of Object.entries(cases))
    t.equal(inject(notebookOf(), `x=${value}`)[0], `# Parameters\nx = ${python}\n`, value);
});

t.test('what can not be a parameter is refused, and its value not shown', async (t) => {
  for (const text of ['x', '1=2', 'a-b=canary', '=canary', 'os.x=canary']) {
    t.throws(() => parseParameter(text), { kind: 'settings', message: /^(?!.*canary).*name=value/ }, text);
  }
  t.throws(() => injectParameters(notebookOf(), [parseParameter('a=1')], 'R'), {
    message: /Python kernel.* R\./,
  });
});
