import fc from 'fast-check';
import t from 'tap';
import { type Dialect, scan } from '../../processors/sql/scanner.js';
import { split } from '../../processors/sql/statements.js';

/** Each region as `kind:text`. */
const regions = (sql: string, dialect: Dialect = 'postgres') =>
  scan(sql, dialect).map(({ kind, from, to }) => `${kind}:${sql.slice(from, to)}`);

const postgres: Readonly<Record<string, readonly string[]>> = {
  "a 'b''c' d": ['code:a ', "string:'b''c'", 'code: d'],
  "'a\\' b": ["string:'a\\'", 'code: b'],
  "E'a\\' b' c": ['code:E', "string:'a\\' b'", 'code: c'],
  "e'a'\n 'b\\' c' d": ['code:e', "string:'a'\n 'b\\' c'", 'code: d'],
  "some'a\\' b": ['code:some', "string:'a\\'", 'code: b'],
  '"a""b" c': ['identifier:"a""b"', 'code: c'],
  'a -- b\nc': ['code:a ', 'comment:-- b', 'code:\nc'],
  'a /* b /* c */ d */ e': ['code:a ', 'comment:/* b /* c */ d */', 'code: e'],
  "$$ a ' b $$ c": ["string:$$ a ' b $$", 'code: c'],
  '$a$ $$ $b$ $a$ c': ['string:$a$ $$ $b$ $a$', 'code: c'],
  'a$b$ c $b$': ['code:a$b$ c ', 'string:$b$'],
  "a {{v}} {{r['x']}} b": ['code:a ', 'reference:{{v}}', 'code: ', "reference:{{r['x']}}", 'code: b'],
  "'{{v}}' \\{{v}}": ["string:'{{v}}'", 'code: \\{{v}}'],
  "a 'open": ['code:a ', "string:'open"],
  '`a` # b': ['code:`a` # b'],
};
for (const [sql, expected] of Object.entries(postgres)) {
  t.test(`PostgreSQL: ${JSON.stringify(sql)}`, async (t) => t.same(regions(sql), expected));
}

const mysql: Readonly<Record<string, readonly string[]>> = {
  "'a\\' b' c": ["string:'a\\' b'", 'code: c'],
  '"a\\" b" c': ['string:"a\\" b"', 'code: c'],
  '`a``b` c': ['identifier:`a``b`', 'code: c'],
  'a # b\nc': ['code:a ', 'comment:# b', 'code:\nc'],
  '1--1 -- a\nb': ['code:1--1 ', 'comment:-- a', 'code:\nb'],
  'a /* b /* c */ d': ['code:a ', 'comment:/* b /* c */', 'code: d'],
  '/*! a */ /*M! b */': ['executable:/*! a */', 'code: ', 'executable:/*M! b */'],
  '$$ a': ['code:$$ a'],
};
for (const [sql, expected] of Object.entries(mysql)) {
  t.test(`MySQL: ${JSON.stringify(sql)}`, async (t) => t.same(regions(sql, 'mysql'), expected));
}

t.test('every character is in one region, in order, whatever the text', async (t) => {
  const pieces = [
    "'",
    '"',
    '`',
    '$',
    '$a$',
    '/*',
    '*/',
    '--',
    '#',
    '\n',
    '\\',
    '{{',
    '{{a}}',
    '}}',
    'E',
    'a',
    ';',
    ' ',
  ];
  for (const dialect of ['postgres', 'mysql'] as const) {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string())), (parts) => {
        const sql = parts.join('');
        let at = 0;
        for (const { from, to } of scan(sql, dialect)) {
          if (from !== at || to <= from) return false;
          at = to;
        }
        return at === sql.length;
      }),
    );
  }
  t.pass('for hundreds of texts');
});

t.test('long texts are read in linear time', async (t) => {
  for (const piece of ["'", '$a$', '/*', '--\n', '{{', "E'\\", '$', '"']) {
    const regions = scan(piece.repeat(200_000), 'postgres');
    t.ok(regions.length > 0, piece);
  }
});

const statements: readonly (readonly [string, readonly string[], Dialect?])[] = [
  ['select 1; select 2;', ['select 1', ' select 2']],
  ["select ';'; -- a; b\n select 2", ["select ';'", ' -- a; b\n select 2']],
  [';; select 1 ;; -- nothing', [' select 1 ']],
  [
    'create rule r as on insert to a do (select 1; select 2); select 3',
    ['create rule r as on insert to a do (select 1; select 2)', ' select 3'],
  ],
  [
    'create function f() returns int begin atomic select 1; select case when true then 2 end; end; select 3',
    [
      'create function f() returns int begin atomic select 1; select case when true then 2 end; end',
      ' select 3',
    ],
  ],
  [
    'create or replace function f() returns int as $$ begin; end $$; select 1',
    ['create or replace function f() returns int as $$ begin; end $$', ' select 1'],
  ],
  [
    'create procedure p() begin if a then select 1; end if; while b do select 2; end while; case c when 1 then select 3; end case; end; select 4',
    [
      'create procedure p() begin if a then select 1; end if; while b do select 2; end while; case c when 1 then select 3; end case; end',
      ' select 4',
    ],
    'mysql',
  ],
  ['begin; select 1; end; select 2', ['begin', ' select 1', ' end', ' select 2']],
];
for (const [sql, expected, dialect = 'postgres'] of statements) {
  t.test(`splits ${sql.slice(0, 40).replaceAll('\n', ' ')}`, async (t) => {
    t.same(
      split(sql, dialect).map(({ regions }) => regions.map(({ from, to }) => sql.slice(from, to)).join('')),
      expected,
    );
  });
}

t.test('a statement is known by its first word', async (t) => {
  t.same(
    split('-- a\n /* b */ SELECT 1; ((Select 2)); {{a}} b; "c"', 'postgres').map(({ verb }) => verb),
    ['select', 'select', '', ''],
  );
});
