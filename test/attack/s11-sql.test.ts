import fc from 'fast-check';
import t from 'tap';
import type { Value } from '../../processors/core/value.js';
import { render } from '../../processors/sql/parameters.js';
import { scan } from '../../processors/sql/scanner.js';

/** Each could end what it stands in, were it put there. */
const pieces = [
  "'",
  "''",
  "\\'",
  '"',
  '`',
  '\\',
  '--',
  '#',
  '/*',
  '*/',
  '$$',
  '$1',
  '?',
  ';',
  '\n',
  ')',
  '{{v}}',
  '\\{{',
  ' or 1=1',
];
const nasty = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary' })), { maxLength: 8 })
  .map((parts) => parts.join('').replaceAll('\0', ''));

const SQL = "select '{', \"a\", {{v}} -- it's\n, {{l}} /* } */";

t.test('S11: what the database gets to parse is the same for every text', async (t) => {
  for (const dialect of ['postgres', 'mysql'] as const) {
    const textFor = (value: string) => {
      const values = new Map<string, Value>([
        ['v', { type: 'text', value }],
        [
          'l',
          {
            type: 'list',
            value: [
              { type: 'text', value },
              { type: 'text', value },
            ],
          },
        ],
      ]);
      return render(SQL, scan(SQL, dialect), dialect, values);
    };
    const harmless = textFor('a').text;
    t.notMatch(harmless, '{{');
    fc.assert(
      fc.property(nasty, (value) => {
        const { text, parameters } = textFor(value);
        return (
          text === harmless && parameters.length === 3 && parameters.every((each) => each.value === value)
        );
      }),
      { numRuns: 500 },
    );
  }
});

t.test('S11: no reference gets through where no parameter can be', async (t) => {
  const values = new Map<string, Value>([['v', { type: 'text', value: 'VALUE' }]]);
  for (const dialect of ['postgres', 'mysql'] as const) {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string()), { maxLength: 10 }), (parts) => {
        try {
          const sql = parts.join('');
          return !render(sql, scan(sql, dialect), dialect, values).text.includes('VALUE');
        } catch (error) {
          return error instanceof Error && error.name === 'CellError';
        }
      }),
      { numRuns: 2_000 },
    );
  }
  t.pass('whatever the statement');
});
