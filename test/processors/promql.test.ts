import fc from 'fast-check';
import t from 'tap';
import { readDuration, writeDuration } from '../../processors/core/duration.js';
import type { Value } from '../../processors/core/value.js';
import { renderPromql } from '../../processors/prometheus/promql.js';

const text = (value: string): Value => ({ type: 'text', value });
const number = (value: string): Value => ({ type: 'number', value });
const list = (...values: string[]): Value => ({ type: 'list', value: values.map(text) });
const render = (query: string, values: Record<string, Value>) =>
  renderPromql(query, new Map(Object.entries(values)));

const rendered: Readonly<
  Record<string, readonly [query: string, values: Record<string, Value>, result: string]>
> = {
  'a value in a matcher': ['up{job="{{j}}"}', { j: text('a"b\\c\nd') }, 'up{job="a\\"b\\\\c\\nd"}'],
  'a value in single quotes': ["up{job='{{j}}'}", { j: text(`a"b'c`) }, `up{job='a"b\\'c'}`],
  'a value in backticks': ['up{job=`{{j}}`}', { j: text('a"\\b') }, 'up{job=`a"\\b`}'],
  'a value where a regular expression stands': [
    'up{job=~"a-{{j}}.*"}',
    { j: text('b.c') },
    'up{job=~"a-b\\\\.c.*"}',
  ],
  'a list of alternatives': ['up{job!~"{{j}}"}', { j: list('a', 'b|c') }, 'up{job!~"a|b\\\\|c"}'],
  'a number': ['up > {{n}}', { n: number('1.5') }, 'up > 1.5'],
  'a number in quotes': ['up{le="{{n}}"}', { n: number('10') }, 'up{le="10"}'],
  'a name and a duration': ['rate({{m}}[{{d}}])', { m: text('up'), d: text('5m') }, 'rate(up[5m])'],
  'an escaped reference': ['up{job="\\{{j}}"}', {}, 'up{job="{{j}}"}'],
  'a quote in a comment': ['up # it\'s "\n > {{n}}', { n: number('1') }, 'up # it\'s "\n > 1'],
  'an escaped quote before a reference': ['up{a="\\"{{j}}"}', { j: text('"') }, 'up{a="\\"\\""}'],
};
for (const [what, [query, values, result]] of Object.entries(rendered)) {
  t.test(`places ${what}`, async (t) => t.equal(render(query, values), result));
}

const refused: Readonly<
  Record<string, readonly [query: string, values: Record<string, Value>, sentence: RegExp]>
> = {
  'code outside of quotes': ['up > {{n}}', { n: text('1 or vector(1)') }, /is outside quotes/],
  'a list outside of a regular expression': ['up{job="{{j}}"}', { j: list('a', 'b') }, /=~/],
  None: ['up{job="{{j}}"}', { j: { type: 'null', value: null } }, /None/],
  'a backtick in backticks': ['up{job=`{{j}}`}', { j: text('`') }, /backtick/],
  'a value that did not come': ['up > {{n}}', {}, /has no value/],
};
for (const [what, [query, values, sentence]] of Object.entries(refused)) {
  t.test(`refuses ${what}`, async (t) => {
    t.throws(() => render(query, values), { name: 'CellError', message: sentence });
  });
}

t.test('S11: no text ends the quotes that it stands in', async (t) => {
  for (const quote of ['"', "'"]) {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const result = render(`up{job=${quote}{{j}}${quote}}`, { j: text(value) });
        const inner = result.slice('up{job='.length + 1, -2);
        return (
          !new RegExp(`(?<!\\\\)(?:\\\\\\\\)*[${quote}\\n]`).test(inner) && !/(?<!\\)(?:\\\\)*\\$/.test(inner)
        );
      }),
    );
  }
  t.pass('for thousands of texts');
});

t.test('durations', async (t) => {
  t.same(
    ['90', '30s', '1h30m', '2d', '500ms', '1w'].map(readDuration),
    [90, 30, 5400, 172_800, 0.5, 604_800],
  );
  t.same(['', 's', '1h 30m', '-1h', '1x', 'h1'].map(readDuration), new Array(6).fill(undefined));
  t.same([30, 90, 5400, 90_000].map(writeDuration), ['30s', '1m30s', '1h30m', '1d1h']);
});
