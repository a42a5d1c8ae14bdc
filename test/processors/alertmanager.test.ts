import t from 'tap';
import { readMatchers, writeMatcher } from '../../processors/alertmanager/matchers.js';
import { oneConnection, performCell } from '../support/brokered.js';
import { give, startRestServer } from './rest-server.js';

/** What can't be had of a real Alertmanager, or needs none. test/real/alertmanager.test.ts asks a real one. */

const ID = '0f4f4f4f-1111-4222-8333-444455556666';
const at = (url: string, more: object = {}) => oneConnection('alertmanager', { url, ...more });

t.test('matchers are read in all the ways in which they are written', (t) => {
  const texts = (cell: string) => readMatchers(cell).map(writeMatcher);
  t.same(texts('a="b"\n c != "d"\n\n'), ['a="b"', 'c!="d"']);
  t.same(texts('{a="b", c=~"d|e",}'), ['a="b"', 'c=~"d|e"']);
  t.same(texts('a=b'), ['a="b"']);
  t.same(texts('"a.b"="c"'), ['"a.b"="c"']);
  t.same(texts('a="say \\"hi\\", {x}\\n"'), ['a="say \\"hi\\", {x}\\n"']);
  t.same(readMatchers('a!~"\\\\d\\d"'), [{ name: 'a', value: '\\d\\d', isRegex: true, isEqual: false }]);
  t.same(texts(''), []);
  for (const wrong of ['a', 'a=', 'a~"b"', '="b"', 'a="b', 'a="b" or c', "a='b'", '7="b"'])
    t.throws(() => readMatchers(wrong), /is not a matcher/, wrong);
  t.end();
});

t.test('S11: a value can’t become a matcher of its own', async (t) => {
  const server = await startRestServer(t, { '/api/v2/alerts': give('application/json', '[]') });
  const values = { x: { type: 'text', value: 'b", c="d' } } as const;
  const { error, text } = await performCell('%%alertmanager\na="{{x}}"', at(server.origin), values);
  t.equal(error, '');
  t.same(new URL(server.last.url, server.origin).searchParams.getAll('filter'), ['a="b\\", c=\\"d"']);
  t.match(text, 'No alert is active');
  t.match(text, `${server.origin}/#/alerts?silenced=false&inhibited=false&filter=%7Ba%3D`);
});

t.test('a connection only reads, unless it says otherwise', async (t) => {
  const server = await startRestServer(t, {});
  for (const cell of ['%%alertmanager --silence 1h --comment why\na="b"', `%%alertmanager --expire\n${ID}`])
    for (const more of [{}, { read_only: true }]) {
      const { error } = await performCell(cell, at(server.origin, more));
      t.match(error, /only reads.*read_only: false/);
    }
  t.same(server.asked, [], 'nothing was sent');
});

t.test('a silence is sent once, and says what it silences', async (t) => {
  let status = 200;
  const server = await startRestServer(t, {
    '/api/v2/alerts': give('application/json', '[{"labels":{}},{"labels":{}}]'),
    '/api/v2/silences': (response) => {
      response.writeHead(status).end(status === 200 ? `{"silenceID":"${ID}"}` : '"busy"');
    },
  });
  const cell = '%%alertmanager --silence 90m --comment "new disks"\na=~"b.*"\nc!="d"';
  const done = await performCell(cell, at(server.origin, { read_only: false, username: 'ana' }));
  t.equal(done.error, '');
  t.match(done.answers.at(-1), {
    note: 'Silences 2 active alerts now.',
    summary: `${server.origin}/#/silences/${ID}`,
  });
  const sent = JSON.parse(server.last.body) as Record<string, string>;
  t.match(sent, {
    matchers: [
      { name: 'a', value: 'b.*', isRegex: true, isEqual: true },
      { name: 'c', value: 'd', isRegex: false, isEqual: false },
    ],
    createdBy: 'ana',
    comment: 'new disks',
  });
  t.equal(Date.parse(sent.endsAt ?? '') - Date.parse(sent.startsAt ?? ''), 90 * 60_000);
  status = 503;
  const before = server.asked.length;
  const busy = await performCell(cell, at(server.origin, { read_only: false }));
  t.equal(busy.error, 'Alertmanager answered 503: busy');
  t.equal(server.asked.length, before + 2, 'a second one would be another silence');
});

t.test('silences that end one by one: what was done is told when the next one fails', async (t) => {
  const other = ID.replace('0f4f', 'aaaa');
  const server = await startRestServer(t, {
    [`/api/v2/silence/${ID}`]: (response, { method }) =>
      response.writeHead(method === 'DELETE' ? 200 : 405).end(),
    [`/api/v2/silence/${other}`]: give('application/json', '{"code":404,"message":"x"}', 404),
  });
  const connections = at(server.origin, { read_only: false });
  const { error } = await performCell(`%%alertmanager --expire\n${ID}\n${other}`, connections);
  t.equal(error, `There is no silence ${other}. Already ended: ${ID}.`);
  const before = server.asked.length;
  const odd = await performCell(`%%alertmanager --expire\n${ID}\n../alerts`, connections);
  t.match(odd.error, /“\.\.\/alerts” is not the ID of a silence/);
  t.equal(server.asked.length, before, 'all IDs are looked at before the first silence ends');
});

t.test('labels and annotations are columns, none of which takes another’s place', async (t) => {
  const alert = {
    labels: { alertname: 'A', state: 'x', summary: 'label' },
    annotations: { summary: 'annotation', description: 'd' },
    status: { state: 'active', silencedBy: [], inhibitedBy: [] },
    receivers: [{ name: 'mail' }],
    startsAt: '2026-01-31T12:00:00.000Z',
    endsAt: 'x',
  };
  const server = await startRestServer(t, {
    '/api/v2/alerts': give('application/json', JSON.stringify([alert])),
  });
  const { answers } = await performCell('%%alertmanager', at(server.origin));
  const { columns } = Object(answers.find(({ kind }) => kind === 'columns'));
  t.same((columns as { name: string }[]).map(({ name }) => name).slice(0, 7), [
    'state',
    'startsAt',
    'alertname',
    'label_state',
    'summary',
    'annotation_summary',
    'description',
  ]);
});

t.test('what is wrong is told in one sentence', async (t) => {
  const connections = at('http://127.0.0.1:9');
  for (const [cell, sentence] of [
    ['%%alertmanager --list things', /--list takes alerts, silences, receivers/],
    ['%%alertmanager --expired', /--expired belongs to --list silences/],
    ['%%alertmanager --list silences --silenced', /--silenced belongs to --list alerts/],
    ['%%alertmanager --silence 1h\na="b"', /needs a reason.*--comment/],
    ['%%alertmanager --silence 1h --comment x', /needs the matchers/],
    ['%%alertmanager --silence x --comment x\na="b"', /--silence takes a duration/],
    ['%%alertmanager --silence 1h --comment x --list alerts\na="b"', /--list belongs to/],
    ['%%alertmanager --expire', /needs the IDs/],
    ['%%alertmanager --list receivers\na="b"', /takes no matchers/],
  ] as const)
    t.match((await performCell(cell, connections)).error, sentence, cell);
  const server = await startRestServer(t, { '/api/v2/alerts': give('text/html', '<h1>hello</h1>') });
  t.match((await performCell('%%alertmanager', at(server.origin))).error, /not from Alertmanager/);
});
