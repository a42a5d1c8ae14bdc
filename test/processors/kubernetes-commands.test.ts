import t from 'tap';
import type { Value } from '../../processors/core/value.js';
import { builtIn } from '../../processors/index.js';
import { changesBetween } from '../../processors/kubernetes/changes.js';
import { type Command, commandsIn } from '../../processors/kubernetes/command.js';
import { commands } from '../../processors/kubernetes/commands.js';
import { objectsIn } from '../../processors/kubernetes/manifest.js';
import { microseconds } from '../../processors/kubernetes/objects.js';
import { quantity } from '../../processors/kubernetes/quantity.js';
import { rendered, renderedAll, wordsOf } from '../../processors/kubernetes/words.js';

const read = (body: string) => commandsIn(body, commands, false);
const shown = ({ verb, words, flags }: Command) => [
  verb,
  words.map(({ written }) => written),
  Object.fromEntries([...flags].map(([name, value]) => [name, value === true || rendered(value, new Map())])),
];
const text = (value: string): Value => ({ type: 'text', value });
const number = (value: string): Value => ({ type: 'number', value });

t.test('lines are read as kubectl reads them', async (t) => {
  const body = `
# the shop
kubectl get pods,svc -n shop -l "app in (a, b)" -A=false -owide
logs deploy/api --previous --since=1h \\
  --tail 500 -f
rollout status deployment/api --watch=false
top po -nshop
`;
  t.same(read(body).map(shown), [
    ['get', ['pods,svc'], { namespace: 'shop', selector: 'app in (a, b)', output: 'wide' }],
    ['logs', ['deploy/api'], { previous: true, since: '1h', tail: '500', follow: true }],
    ['rollout status', ['deployment/api'], { watch: 'false' }],
    ['top pods', [], { namespace: 'shop' }],
  ]);
  const [apply] = read('apply -n shop -f -\nkind: X\n# not a command\nget: pods\n');
  t.equal(apply?.manifest, 'kind: X\n# not a command\nget: pods\n');
});

t.test('a mistake is named, with what was probably meant', async (t) => {
  const said = (body: string) => {
    try {
      read(body);
      return '';
    } catch (error) {
      return String(error);
    }
  };
  t.match(said(''), /needs a command/);
  t.match(said('gte pods'), /no command “gte”. Did you mean get\?/);
  t.match(said('exec -it api -- sh'), /no command “exec”/);
  t.match(said('rollout'), /needs one of: rollout status, rollout history, rollout restart/);
  t.match(said('get pods --namespce=x'), /takes no --namespce here. Did you mean --namespace\?/);
  t.match(said('get pods -o jsonpath'), /--output takes wide, yaml, json, name/);
  t.match(said('get pods -n'), /--namespace needs a value/);
  t.match(said('get pods -n a -n b'), /given twice/);
  t.match(said('get'), /Write: get TYPE/);
  t.match(said('get pods | wc -l'), /“\|” is for a shell.*--out/);
  t.match(said('get pods -l "a=b'), /quote in this cell is not closed/);
});

t.test('S11: a value is one word, and never a flag, a condition or a path', async (t) => {
  const values = (value: Value) => new Map([['v', value]]);
  const [word] = wordsOf('{{v}}', false);
  const [selector] = wordsOf('app={{v}}', false);
  if (word === undefined || selector === undefined) throw new Error('no word');
  t.equal(rendered(selector, values(text('api-1.x_2'))), 'app=api-1.x_2');
  t.equal(rendered(selector, values(number('5'))), 'app=5');
  for (const hostile of [
    'a,b',
    'a b',
    '-A',
    '--all',
    'a/b',
    '../x',
    'a%2f',
    '',
    '.',
    "a'b",
    'a=b',
    '(a)',
    'a\nb',
    '!a',
  ])
    t.throws(
      () => rendered(selector, values(text(hostile))),
      /can't stand in a command/,
      JSON.stringify(hostile),
    );
  const list: Value = { type: 'list', value: [text('a'), text('b')] };
  t.same(renderedAll(word, values(list)), ['a', 'b']);
  t.equal(rendered(selector, values(list)), 'app=a,b');
  t.throws(() => rendered(word, values({ type: 'list', value: [text('a,b')] })), /can't stand/);
  t.throws(() => rendered(word, values({ type: 'object', value: {} })), /is a dict/);
  t.throws(() => rendered(word, new Map()), /has no value/);
  const [field] = wordsOf('--field-selector=metadata.name={{v}}', false);
  if (field === undefined) throw new Error('no word');
  t.match(rendered(field, values(text('a,b=c\\d')), 'field'), /=a\\,b\\=c\\\\d$/);
  const processor = builtIn.find(({ name }) => name === 'kubernetes');
  t.throws(
    () =>
      processor?.compile(
        { processor: 'kubernetes', connection: undefined, options: {}, body: 'get pods {{runtime_env:X}}' },
        { connections: { find: () => ({ name: 'it' }) } } as never,
      ),
    /can't be used in a command/,
  );
});

t.test('S11: a value in a manifest is one value, whatever it contains', async (t) => {
  const hostile = 'x"\n---\nkind: Evil\n{a: &b [c]} # *b !!js {{v}}';
  const values = new Map<string, Value>([
    ['v', text(hostile)],
    ['n', number('3')],
    ['l', { type: 'list', value: [text('a'), number('1')] }],
    ['d', { type: 'object', value: { 'k: x': text('y') } }],
  ]);
  const manifest = `
kind: {{n}}
metadata: {name: {{v}}, labels: {{d}}}
plain: {{v}}
quoted: "{{n}}"
beside: a{{n}}b
block: |
  first {{v}}
list: {{l}}
{{v}}: key
literal: "\\{{v}}"
mode: 0644
no: off
`;
  t.same(objectsIn(manifest, values, false), [
    {
      kind: 3,
      metadata: { name: hostile, labels: { 'k: x': 'y' } },
      plain: hostile,
      quoted: '3',
      beside: 'a3b',
      block: `first ${hostile}\n`,
      list: ['a', 1],
      [hostile]: 'key',
      literal: '{{v}}',
      mode: 0o644,
      no: 'off',
    },
  ]);
  t.same(objectsIn('a: "{{v}}"', new Map(), true), [{ a: '{{v}}' }], '--raw');
  t.same(objectsIn('a: 1\n---\n---\n{kind: List, items: [{b: 2}]}', new Map(), false), [{ a: 1 }, { b: 2 }]);
  t.throws(() => objectsIn('a: "x{{l}}"', values, false), /is a list: beside other text/);
  t.throws(() => objectsIn('a: [', values, false), /is not YAML/);
  t.throws(() => objectsIn('- a', values, false), /has to be an object/);
  t.throws(() => objectsIn('# nothing', values, false), /needs objects/);
  const bomb = `a: &a [1,1,1,1,1,1,1,1,1]\n${[...'bcdefgh'].map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[at]}`).join()}]`).join('\n')}`;
  t.throws(() => objectsIn(bomb, values, false), /too many aliases/);
});

t.test('times, quantities and changes', async (t) => {
  t.equal(microseconds('2026-01-01T00:00:01.123456789Z'), '1767225601123456');
  t.equal(microseconds('2026-01-01T01:00:01+01:00'), '1767225601000000');
  t.equal(microseconds('soon'), null);
  t.same(['250m', '128Mi', '1e3', '2', '5n', 'x', '1Qi'].map(quantity), [
    0.25,
    128 * 2 ** 20,
    1000,
    2,
    5e-9,
    undefined,
    undefined,
  ]);
  const before = {
    metadata: { resourceVersion: '1', labels: { a: 'b' } },
    spec: { n: 1, l: [1, 2] },
    status: 1,
  };
  const after = {
    metadata: { resourceVersion: '2', labels: {} },
    spec: { n: 2, l: [1, 3], x: { y: 1 } },
    status: 2,
  };
  t.same(changesBetween(before, after), [
    'metadata.labels.a: b → nothing',
    'spec.n: 1 → 2',
    'spec.l.1: 2 → 3',
    'spec.x: nothing → {"y":1}',
  ]);
});
