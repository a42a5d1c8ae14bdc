import t from 'tap';
import type { Value } from '../../processors/core/value.js';
import { render } from '../../processors/sql/parameters.js';
import { readArray } from '../../processors/sql/postgres-types.js';
import { type Dialect, scan } from '../../processors/sql/scanner.js';
import { asTime } from '../../processors/sql/types.js';

const text = (value: string): Value => ({ type: 'text', value });
const number = (value: string): Value => ({ type: 'number', value });
const place = (sql: string, values: Record<string, Value>, dialect: Dialect = 'postgres') =>
  render(sql, scan(sql, dialect), dialect, new Map(Object.entries(values)));

const placed: readonly (readonly [string, Record<string, Value>, string, Dialect?])[] = [
  ['a = {{v}}', { v: text("x' or 1=1 --") }, 'a = ($1)'],
  [
    'a in ({{v}})',
    { v: { type: 'list', value: [number('1'), number('2')] } },
    'a in (($1::int4), ($2::int4))',
  ],
  ['{{v}}', { v: number('2147483648') }, '($1::int8)'],
  ['{{v}}', { v: number('9223372036854775808') }, '($1::numeric)'],
  ['{{v}}', { v: number('1e5') }, '($1::numeric)'],
  ['{{v}}', { v: { type: 'bool', value: true } }, '($1::bool)'],
  ['{{v}} is null', { v: { type: 'null', value: null } }, 'NULL is null'],
  ['{{v}}', { v: { type: 'date', value: '2026-01-31' } }, '($1::date)'],
  ['{{v}}', { v: { type: 'time', value: '2026-01-31T12:00:00' } }, '($1::timestamp)'],
  ['{{v}}', { v: { type: 'time', value: '2026-01-31T12:00:00-05:00' } }, '($1::timestamptz)'],
  ['{{v}}, {{v}}', { v: text('a') }, '($1), ($2)'],
  ["'\\{{v}}' \\{{v}}", {}, "'{{v}}' {{v}}"],
  ["'{{ jinja }}' {{ v }}", {}, "'{{ jinja }}' {{ v }}"],
  ['{{v}} {{d}}', { v: text('a'), d: { type: 'date', value: '2026-01-31' } }, '? CAST(? AS DATE)', 'mysql'],
];
for (const [sql, values, expected, dialect] of placed) {
  t.test(`places ${sql} as ${expected}`, async (t) => t.equal(place(sql, values, dialect).text, expected));
}

const refused: readonly (readonly [string, Record<string, Value>, RegExp, Dialect?])[] = [
  ["'{{v}}'", { v: text('a') }, /is in quotes/],
  ["E'\\'{{v}}'", { v: text('a') }, /is in quotes/],
  ['$$ {{v}} $$', { v: text('a') }, /is in quotes/],
  ['"{{v}}"', { v: text('a') }, /is in a quoted name/],
  ['-- {{v}}', { v: text('a') }, /is in a comment/],
  ['/* {{v}} */', { v: text('a') }, /is in a comment/],
  ['/*! {{v}} */', { v: text('a') }, /is in a comment/, 'mysql'],
  ['`{{v}}`', { v: text('a') }, /is in a quoted name/, 'mysql'],
  ['"{{v}}"', { v: text('a') }, /is in quotes/, 'mysql'],
  ['{{v}}', {}, /has no value/],
  ['{{v}}', { v: { type: 'list', value: [] } }, /empty list/],
  ['{{v}}', { v: { type: 'list', value: [{ type: 'list', value: [] }] } }, /is a nested list/],
  ['{{v}}', { v: text('a\0b') }, /NUL character/],
  ['{{v}} = $1', { v: text('a') }, /Write \{\{variable\}\}/],
  ['{{v}} = ?', { v: text('a') }, /Write \{\{variable\}\}/, 'mysql'],
  ['{{v}}', { v: { type: 'list', value: new Array<Value>(65_536).fill(number('1')) } }, /at most 65,535/],
];
for (const [sql, values, sentence, dialect] of refused) {
  t.test(`refuses ${sql} of ${Object.keys(values)} (${sentence.source})`, async (t) => {
    t.throws(() => place(sql, values, dialect), { name: 'CellError', message: sentence });
  });
}

t.test('a place in what the database got is one of the cell', async (t) => {
  const sql = 'select {{v}}, \\{{x}}, nope';
  const { text: rendered, origin } = place(sql, { v: number('1') });
  t.equal(rendered, 'select ($1::int4), {{x}}, nope');
  t.equal(origin(rendered.indexOf('nope')), sql.indexOf('nope'));
  t.equal(origin(rendered.indexOf('select')), 0);
});

t.test('arrays as PostgreSQL writes them', async (t) => {
  const arrays: Readonly<Record<string, unknown>> = {
    '{}': [],
    '{1,NULL,3}': [1, null, 3],
    '{{1,2},{3,4}}': [
      [1, 2],
      [3, 4],
    ],
    '[0:1]={5,6}': [5, 6],
    '{"7","8"}': [7, 8],
  };
  for (const [written, read] of Object.entries(arrays)) t.same(readArray(written, Number), read, written);
  t.same(
    readArray('{"a\\"b\\\\",NULL,"NULL","","c,d}"}', (item) => item),
    ['a"b\\', null, 'NULL', '', 'c,d}'],
  );
  t.same(readArray('{{{{{{1}}}}}}', Number), [[[[[[1]]]]]]);
  for (const written of ['{{{{{{{1}}}}}}}', '{'.repeat(100_000)])
    t.equal(readArray(written, Number), written, 'more dimensions than there can be');
  for (const written of ['{', '{1', '{"1', '{"1\\', '{{1}'])
    t.same(String(readArray(written, (item) => item)), written.replace(/[^1]/g, ''), `${written}, cut off`);
});

t.test('times, exact', async (t) => {
  const times: Readonly<Record<string, unknown>> = {
    '1970-01-01 00:00:00': 0,
    '1969-12-31 23:59:59.999999': -1,
    '2026-01-31 12:34:56.5+05:30': Date.UTC(2026, 0, 31, 7, 4, 56, 500) * 1000,
    '2026-01-31 12:34:56-03': Date.UTC(2026, 0, 31, 15, 34, 56) * 1000,
    '0001-01-01 00:00:00+00': '-62135596800000000',
    '9999-12-31 23:59:59.999999+00': '253402300799999999',
    '2000-02-29 00:00:00': Date.UTC(2000, 1, 29) * 1000,
    infinity: 'infinity',
    '0044-03-15 00:00:00 BC': '0044-03-15 00:00:00 BC',
    '0000-00-00 00:00:00': '0000-00-00 00:00:00',
  };
  for (const [written, read] of Object.entries(times)) t.equal(asTime.read(written), read, written);
});
