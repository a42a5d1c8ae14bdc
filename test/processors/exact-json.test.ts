import t from 'tap';
import { ExactNumber, exactJson, parseExactJson } from '../../processors/core/exact-json.js';
import { tableOfRecords } from '../../processors/core/records.js';
import { oneConnection, performCell } from '../support/brokered.js';
import { give, startRestServer } from './rest-server.js';

t.test('R5: a number that JavaScript does not hold stays as it was written', (t) => {
  const text =
    '{"a":9007199254740993,"b":[1.10,1e2,-0.5,0.1234567890123456789,1e400],"c":"9007199254740993","\\"d\\\\":12345678901234567890}';
  t.equal(
    exactJson(parseExactJson(text)),
    '{"a":9007199254740993,"b":[1.1,100,-0.5,0.1234567890123456789,1e400],"c":"9007199254740993","\\"d\\\\":12345678901234567890}',
  );
  t.same(parseExactJson('{"a":9007199254740991,"b":0.1,"c":1.0000000000000000}'), {
    a: 9007199254740991,
    b: 0.1,
    c: 1,
  });
  t.throws(() => parseExactJson('{"a":9007199254740993'), SyntaxError);
  t.end();
});

t.test('R5: twice as long a text takes about twice as long', (t) => {
  const time = (length: number) => {
    const texts = [`["${'\\"'.repeat(length)}",9007199254740993]`, `[1.${'0'.repeat(length)}1]`];
    const startedAt = performance.now();
    for (const text of texts) parseExactJson(text);
    return performance.now() - startedAt;
  };
  time(100_000);
  const once = time(200_000);
  const twice = time(400_000);
  t.ok(twice < 5 * once + 100, `${once} ms, ${twice} ms`);
  t.end();
});

t.test('R5: of records a column of such numbers is exact, also where one is missing', (t) => {
  const records = [
    { id: 1, list: [new ExactNumber('9007199254740993')], mixed: new ExactNumber('9007199254740993') },
    {
      id: new ExactNumber('9007199254740993'),
      list: [],
      mixed: 0.5,
      nested: { id: new ExactNumber('-9007199254740993') },
    },
  ];
  t.same(
    [...tableOfRecords(records)],
    [
      {
        kind: 'columns',
        columns: [
          { name: 'id', type: 'integer' },
          { name: 'list', type: 'document' },
          { name: 'mixed', type: 'document' },
          { name: 'nested.id', type: 'integer' },
        ],
      },
      {
        kind: 'rows',
        rows: [
          [1, '9007199254740993'],
          ['[9007199254740993]', '[]'],
          ['9007199254740993', '0.5'],
          [null, '-9007199254740993'],
        ],
      },
    ],
  );
  t.end();
});

t.test('R10: no member is lost where two would have one column', (t) => {
  const [columns, rows] = [...tableOfRecords([{ 'a.b': 1, a: { b: 2 } }, { a: { b: 3 } }])];
  t.match(columns, { columns: [{ name: 'a.b' }, { name: 'a.b_1' }] });
  t.match(rows, {
    rows: [
      [1, 3],
      [2, null],
    ],
  });
  t.end();
});

t.test('R5: so it is for %%github, and for a cursor of pages', async (t) => {
  const json = 'application/json';
  const server = await startRestServer(t, {
    '/list': give(json, '[{"id":9007199254740993},{"name":"b"}]'),
    '/pages': give(json, '{"items":[{"a":1}],"after":9007199254740993}'),
    '/pages?cursor=9007199254740993': give(json, '{"items":[{"a":2}]}'),
  });
  const github = await performCell('%%github\nGET /list', oneConnection('github', { url: server.origin }));
  t.match(
    github.answers.filter(({ kind }) => kind !== 'progress'),
    [
      { columns: [{ name: 'id', type: 'integer' }, { name: 'name' }] },
      {
        rows: [
          ['9007199254740993', null],
          [null, 'b'],
        ],
      },
    ],
  );
  const pages = await performCell(
    '%%rest it --next after\nGET /pages',
    oneConnection('rest', { url: server.origin }),
  );
  t.equal(pages.error, '');
  t.equal(server.asked.at(-1)?.url, '/pages?cursor=9007199254740993');
});
