import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { nextLink } from '../../processors/http/pagination.js';
import { createProcessors } from '../../processors/index.js';
import { eventsIn } from '../../processors/llm/event-stream.js';
import { type Answer, give, startRestServer } from '../processors/rest-server.js';
import { type Answered, oneConnection, performCell } from '../support/brokered.js';
import { until } from '../support/until.js';

t.setTimeout(300_000);

/**
 * Nobody waits longer than this for one cell, in milliseconds of the processor: 100 are wanted, 10 to 40 were measured, and
 * a processor whose other half is busy takes twice as long. What this is about took 20,000 and more.
 */
const LONGEST_MS = 250;
const json = 'application/json';
const MIB = 1024 * 1024;
const objects = Buffer.from(`[${'{},'.repeat(20 * MIB)}{}]`);
const download = Buffer.alloc(250 * MIB, 'The quick brown fox jumps over the lazy dog. ');
const strange = JSON.stringify(Array.from({ length: 12_000 }, (_, at) => ({ [`key${at}`]: at })));
const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
const honest = JSON.stringify(
  Array.from({ length: 60_000 }, (_, id) => ({ id, name: `name ${id}`, of: { url: 'x', tags: ['a', 'b'] } })),
);
const matrix = JSON.stringify({
  status: 'success',
  data: {
    resultType: 'matrix',
    result: Array.from({ length: 10_000 }, (_, at) => ({
      metric: { __name__: 'up', instance: `host-${at}` },
      values: Array.from({ length: 30 }, (_, step) => [1_700_000_000 + 15 * step, String(at + step)]),
    })),
  },
});
const success = (data: string) => `{"status":"success","data":[${data}]}`;
/** As large as a list of names may be. */
const nothings = success(`${'{},'.repeat(2.6 * MIB)}"end"`);
const quotes = success(Array.from({ length: 8 }, () => `"${'\\"'.repeat(MIB / 2)}"`).join());
/** Each as like to the one that is asked for as the others. */
const likeNames = success(Array.from({ length: 19_000 }, (_, at) => `"${'upp'.repeat(60)}${at}"`).join());
const longNames = ['upq', 'upr', 'ups'].map((name) => name.repeat(60)).join(' + ');
const manyNames = success(Array.from({ length: 20_000 }, (_, at) => `"a_label_of_some_length_${at}"`).join());
/** What discovery says where there is one type, and a list that has no pages, whatever it is asked for. */
const kubernetesTypes = (group: string, resource: string, kind: string) =>
  JSON.stringify({
    kind: 'APIGroupDiscoveryList',
    items: [
      {
        metadata: { name: group },
        versions: [
          {
            version: 'v1',
            resources: [{ resource, responseKind: { kind }, scope: 'Namespaced', verbs: [] }],
          },
        ],
      },
    ],
  });
const kubernetesRow = { cells: ['a', '1'], object: { metadata: { name: 'a', labels: { b: 'c' } } } };
const kubernetesTable = JSON.stringify({
  kind: 'Table',
  columnDefinitions: ['Name', 'Ready'].map((name) => ({ name, type: 'string', priority: 0 })),
  rows: new Array(100_000).fill(kubernetesRow),
});
const answers: Readonly<Record<string, Answer>> = {
  '/api': give(json, kubernetesTypes('', 'pods', 'Pod')),
  '/apis': give(json, kubernetesTypes('apps', 'deployments', 'Deployment')),
  '/api/v1/pods': give(json, kubernetesTable),
  '/apis/apps/v1/deployments': give(json, `{"items":[${'{},'.repeat(MIB)}{}],"kind":"DeploymentList"}`),
  '/api/v1/events': give(json, objects),
  '/api/v1/query_range': give(json, matrix),
  '/api/v1/query': give(json, '{"status":"success","data":{"resultType":"vector","result":[]}}'),
  '/api/v1/label/__name__/values': give(json, likeNames),
  '/api/v1/label/job/values': give(json, nothings),
  '/api/v1/label/quotes/values': give(json, quotes),
  '/api/v1/labels': give(json, manyNames),
  '/chat/completions': give(json, `{"error":[${'{},'.repeat(MIB)}{}]}`, 400),
  '/objects': give(json, objects),
  '/strange': give(json, strange),
  '/deep': give(json, deep),
  '/honest': give(json, honest),
  '/packed': give(json, gzipSync(objects), 200, { 'content-encoding': 'gzip' }),
  '/link': give(json, '[]', 200, { link: '<'.repeat(15_000) }),
};

/**
 * Processor time of the thread that serves everybody, in milliseconds: unlike the time of a clock it doesn't grow where
 * other programs are busy.
 */
function busyMs(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

/** Performs a cell, and sees how long at most that thread did nothing else. */
async function keepsNobody(t: Test, cell: () => Promise<Answered>): Promise<Answered> {
  let longest = 0;
  let isOver = false;
  const watching = (async () => {
    for (let last = busyMs(); !isOver; ) {
      await wait(1);
      const now = busyMs();
      longest = Math.max(longest, now - last);
      last = now;
    }
  })();
  const answered = await cell();
  isOver = true;
  await watching;
  t.ok(longest <= LONGEST_MS, `the longest work was ${Math.round(longest)} ms`);
  return answered;
}

const cells: readonly (readonly [type: string, cell: string, error: RegExp | ''])[] = [
  [
    'rest',
    '%%rest it --paginate\nGET /objects',
    /larger than 32 MiB in one piece|more than 4,000,000 values/,
  ],
  ['rest', '%%rest it --paginate\nGET /packed', /larger than 32 MiB in one piece|more than 4,000,000 values/],
  ['rest', '%%rest it --paginate\nGET /honest', ''],
  ['rest', '%%rest it --paginate\nGET /deep', /nests deeper/],
  ['rest', '%%rest it --paginate\nGET /link', ''],
  [
    'rest',
    '%%rest it --graphql\nPOST /objects\n\n{ a }',
    /larger than 32 MiB in one piece|more than 4,000,000 values/,
  ],
  [
    'github',
    '%%github --paginate\nGET /objects',
    /larger than 32 MiB in one piece|more than 4,000,000 values/,
  ],
  ['github', '%%github\nGET /strange', ''],
  ['github', '%%github\nGET /honest', ''],
  ['github', '%%github\nGET /deep', /nests deeper/],
  ['prometheus', '%%prometheus it --range 5m\nup', ''],
  ['prometheus', `%%prometheus it\n${longNames}`, ''],
  ['kubernetes', '%%kubernetes\nget pods -A --show-labels', ''],
  ['kubernetes', '%%kubernetes\nget deployments -A', ''],
  ['kubernetes', '%%kubernetes\nevents -A', /larger than 32 MiB|more than 4,000,000 values/],
  ['llm', '%%llm it\nhi', /accepts no more requests|answered 4/],
];
t.test('X7: no answer of a service keeps everybody waiting', async (t) => {
  const server = await startRestServer(t, answers);
  for (const [type, cell, error] of cells) {
    await t.test(cell.replaceAll('\n', ' ').slice(0, 80), async (t) => {
      const more = type === 'llm' ? { model: 'm' } : {};
      const connections = oneConnection(type, {
        url: server.origin,
        token: new Secret('canary-token'),
        ...more,
      });
      const answered = await keepsNobody(t, () => performCell(cell, connections));
      if (error === '') t.equal(answered.error, '');
      else t.match(answered.error, error);
    });
  }
});

t.test('X7: nor does what is offered to one who types', async (t) => {
  const server = await startRestServer(t, answers);
  for (const [code, some] of [
    ['%%prometheus it\nup{job="', ['end']],
    ['%%prometheus it\nup{quotes="', []],
    ['%%prometheus it\nup', []],
    ['%%prometheus it\nsum by (', ['a_label_of_some_length_0']],
  ] as const) {
    await t.test(code.replaceAll('\n', ' '), async (t) => {
      const { complete } = createProcessors({
        connections: oneConnection('prometheus', { url: server.origin }),
        resolve() {
          throw new Error('not asked');
        },
      });
      let offered: readonly string[] = [];
      await keepsNobody(t, async () => {
        // The first answer may come before the service's; then it is there for the next keystroke.
        await until(async () => {
          const { items = [] } = (await complete(code, code.length)) ?? {};
          offered = items.map(({ text }) => text);
          return some.every((name) => offered.includes(name));
        }, 60_000);
        return { answers: [], text: '', contents: '', error: '' };
      });
      t.ok(offered.length <= 1_000);
    });
  }
});

/** The server is a part of this process: it must not do much at once either. */
function inPieces(type: string, body: Buffer): Answer {
  return async (response) => {
    response.setHeader('content-type', type);
    for (let at = 0; at < body.length; at += MIB / 4) {
      if (!response.write(body.subarray(at, at + MIB / 4))) await once(response, 'drain');
    }
    response.end();
  };
}

t.test('X7: nor does an honest download, which arrives whole and without the credential', async (t) => {
  const secret = 'canary-token-of-the-download';
  const at = 100 * MIB;
  const echo = Buffer.from(download);
  echo.write(secret, at);
  const server = await startRestServer(t, {
    '/download': inPieces('application/octet-stream', download),
    '/echo': inPieces('text/plain', echo),
  });
  const connections = oneConnection('rest', { url: server.origin, token: new Secret(secret) });
  for (const path of ['/download', '/echo']) {
    // What a kernel would keep isn't kept here.
    let bytes = 0;
    let found = false;
    let end = '';
    const take = (answer: Readonly<Record<string, unknown>>) => {
      if (answer.kind !== 'content') return false;
      const data = Buffer.from(String(answer.data), 'base64');
      found ||= (end + data.toString('latin1')).includes(secret);
      end = data.subarray(-secret.length).toString('latin1');
      bytes += data.length;
      return true;
    };
    const answered = await keepsNobody(t, () => {
      bytes = 0;
      end = '';
      return performCell(`%%rest it\nGET ${path}`, connections, {}, {}, take);
    });
    t.equal(answered.error, '');
    t.ok(bytes > 249 * MIB && bytes <= 250 * MIB, `${bytes} bytes came`);
    t.notOk(found, 'S10');
  }
});

t.test('X7: a table has as many columns as one can take, and loses nothing', async (t) => {
  const server = await startRestServer(t, { '/strange': give(json, strange) });
  const { answers: pages } = await performCell(
    '%%github\nGET /strange',
    oneConnection('github', { url: server.origin }),
  );
  const [head] = pages;
  const columns = head?.columns as { name: string; type: string }[];
  t.equal(columns.length, 501);
  t.match(columns.at(-1), { name: '(others)', type: 'document' });
  const rows = pages.filter(({ kind }) => kind === 'rows').map((page) => page.rows as unknown[][]);
  t.equal(
    rows.reduce((sum, [first = []]) => sum + first.length, 0),
    12_000,
  );
  t.equal(rows.at(-1)?.at(-1)?.at(-1), '{"key11999":11999}');
});

t.test('X7: an event stream without an empty line ends, however it comes', async (t) => {
  const streams: Readonly<Record<string, () => Generator<Uint8Array>>> = {
    'one line for ever': function* () {
      for (;;) yield Buffer.from('data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx');
    },
    'lines for ever': function* () {
      for (;;) yield Buffer.from('data: x\n'.repeat(1000));
    },
    'byte by byte': function* () {
      for (;;) yield Buffer.from('x');
    },
  };
  for (const [what, stream] of Object.entries(streams)) {
    const read = async () => {
      for await (const _ of eventsIn(from(stream()))) t.fail('no event is complete');
    };
    await t.rejects(read(), { name: 'CellError', message: /something else than events/ }, what);
  }
  const events: string[] = [];
  const bytes = Buffer.from('data: a\r\n\r\ndata: b\rdata: c\r\r: comment\n\ndata:d\n\ndata: ✓');
  for await (const event of eventsIn(from([...bytes].map((byte) => Uint8Array.of(byte))))) events.push(event);
  t.same(events, ['a', 'b\nc', 'd', '✓']);
});

async function* from<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

t.test('X7: the link to the next page is found, wherever it stands', async (t) => {
  t.equal(nextLink('<a>; rel="first", </b?x=1,2;3>; title="x, \\"<y>\\""; rel="prev next"'), '/b?x=1,2;3');
  t.equal(nextLink('<a>;rel=next'), 'a');
  t.equal(nextLink('<a>; REL = NEXT ; x'), 'a');
  t.equal(nextLink('<a>; title="; rel=next"'), undefined);
  t.equal(nextLink('<a>; rel=nextish, <b>'), undefined);
  t.equal(nextLink('<<a>; rel=next'), 'a');
});
