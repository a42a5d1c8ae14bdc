import t from 'tap';
import { BrokerJob } from '../../gateway/channel/broker/job.js';
import type { Page } from '../../processors/core/pages.js';
import { type Brokered, CellError } from '../../processors/core/processor.js';
import { Secret } from '../../processors/core/secret.js';
import { give, startRestServer } from '../processors/rest-server.js';
import { oneConnection, performCell } from '../support/brokered.js';
import { CANARY, leakIn } from '../support/canary.js';

const bytes = (text: string | Buffer) => Buffer.from(text).toString('base64');

/** What a kernel gets of a service that answers so, to a connection whose credential is the canary. */
async function answersOf(pages: readonly Page[], error?: string): Promise<Record<string, unknown>[]> {
  const work: Brokered = {
    kind: 'brokered',
    name: 'service',
    connection: 'prod',
    args: {},
    variables: [],
    timeout: undefined,
    async *perform(_values, _signal, { hide }) {
      hide(new Secret(CANARY));
      yield* pages;
      if (error !== undefined) throw new CellError(error);
    },
  };
  const job = new BrokerJob(work, { fault() {}, retry() {}, end() {} });
  const answers: Record<string, unknown>[] = [];
  do answers.push(JSON.parse(await job.next()));
  while (answers.at(-1)?.kind !== 'end' && answers.at(-1)?.kind !== 'error');
  job.cancel();
  return answers;
}

const end: Page = { kind: 'end' };
const content = (data: string | Buffer, mediaType: string, longest?: number): Page => ({
  kind: 'content',
  ...(longest !== undefined && { longest }),
  mediaType,
  charset: 'utf-8',
  data: Buffer.from(data),
});
const quoting: Readonly<Record<string, readonly Page[]>> = {
  'a value of a table': [
    { kind: 'columns', columns: [{ name: 'a', type: 'text' }] },
    { kind: 'rows', rows: [['x', `<${CANARY}>`]] },
    end,
  ],
  'the name of a column': [{ kind: 'columns', columns: [{ name: CANARY, type: 'text' }] }, end],
  'bytes in a table': [
    { kind: 'columns', columns: [{ name: 'a', type: 'bytes' }] },
    {
      kind: 'rows',
      rows: [[null, bytes(`xy${CANARY}`), bytes(Buffer.concat([Buffer.from([255]), Buffer.from(CANARY)]))]],
    },
    end,
  ],
  'a text in pieces': [...`say ${CANARY}!`].map((text): Page => ({ kind: 'text', text })).concat(end),
  'a text that ends in the middle of it': [{ kind: 'text', text: CANARY.slice(0, 20) }, end],
  JSON: [
    content(JSON.stringify({ headers: { authorization: `Bearer ${CANARY}` } }), 'application/json'),
    end,
  ],
  'a page': [content(`<pre>${CANARY}</pre>`, 'text/html'), end],
  'a file of bytes': [content(Buffer.concat([Buffer.from([0, 255]), Buffer.from(CANARY)]), ''), end],
  'what stands beside a table': [
    {
      kind: 'end',
      note: CANARY,
      summary: CANARY,
      value: { [CANARY]: [CANARY] },
      displays: [{ 'text/plain': CANARY }],
    },
  ],
  progress: [{ kind: 'progress', text: CANARY }, end],
};
for (const [where, pages] of Object.entries(quoting)) {
  t.test(`S10: a credential that the service quotes in ${where} doesn't reach the kernel`, async (t) => {
    const answers = await answersOf(pages);
    const decoded = decode(JSON.stringify(answers));
    t.equal(leakIn(JSON.stringify(answers)), undefined);
    t.equal(leakIn(decoded), undefined);
    t.equal(leakIn(answers.map(({ text }) => String(text ?? '')).join('')), undefined, 'put together');
    if (where !== 'progress') t.match(decoded.toString('latin1'), /\*\*\*|\*{20,}/, 'its mask does');
  });
}

t.test('S10: nor does one that the service quotes in an error', async (t) => {
  const answers = await answersOf([], `The service said: ${CANARY}`);
  t.same(answers, [{ kind: 'error', sentence: 'The service said: ***' }]);
});

t.test('S10: nor the beginning of one, where a long message is cut', async (t) => {
  const answers = await answersOf([], `GraphQL: ${CANARY.slice(0, 12)}…; ${CANARY.slice(0, 1)}… (404)`);
  t.same(answers, [{ kind: 'error', sentence: 'GraphQL: ***…; … (404)' }]);
});

t.test('S10: nor where a content is cut', async (t) => {
  const [page] = await answersOf([content(`say ${CANARY}`, 'text/plain', 12), end]);
  t.match(page, { kind: 'content', data: bytes('say ***') });
});

t.test('a text without a credential comes as it is', async (t) => {
  const [first, second] = await answersOf([{ kind: 'text', text: 'a' }, { kind: 'text', text: 'b' }, end]);
  t.same(
    [first, second],
    [
      { kind: 'text', text: 'a' },
      { kind: 'text', text: 'b' },
    ],
  );
});

t.test('S10: every proof of an HTTP connection is masked in an echo of the request', async (t) => {
  const server = await startRestServer(t, {
    '/token': give(
      'application/json',
      `{"access_token": "canary-access-token", "token_type": "Bearer", "expires_in": 60}`,
    ),
    '/refused': (response, asked) => response.writeHead(403).end(JSON.stringify(asked)),
  });
  const url = server.origin;
  const value = 'canary/"secret" value';
  const secret = new Secret(value);
  const basic = Buffer.from(`me:${value}`).toString('base64');
  const ways: Readonly<Record<string, readonly [settings: object, ...forms: string[]]>> = {
    bearer: [{ token: new Secret('canary-bearer-token') }, 'canary-bearer-token'],
    basic: [{ username: 'me', password: secret }, basic, value],
    'a header': [{ api_key: new Secret('canary-api-key'), api_key_header: 'X-Key' }, 'canary-api-key'],
    'a query': [{ api_key: secret, api_key_query: 'key' }, encodeURIComponent(value), value],
    OAuth: [
      { token_url: `${url}/token`, client_id: 'me', client_secret: secret },
      'canary-access-token',
      value,
    ],
  };
  for (const [way, [settings, ...forms]] of Object.entries(ways)) {
    for (const path of ['/', '/refused']) {
      const done = await performCell(`%%rest it\nGET ${path}`, oneConnection('rest', { url, ...settings }));
      const sent = `${server.last.url}\n${JSON.stringify(server.last.headers)}`;
      t.ok(
        forms.some((form) => sent.includes(form)),
        `${way}: it was sent`,
      );
      t.match(done.contents, '***', `${way}: the echo came, masked`);
      for (const form of forms) t.notOk((done.contents + done.text).includes(form), `${way}${path}: ${form}`);
    }
  }
});

/** The answers with all base64 in them decoded. */
function decode(json: string): Buffer {
  const parts = json.match(/"[A-Za-z0-9+/=]{8,}"/g) ?? [];
  return Buffer.concat([Buffer.from(json), ...parts.map((part) => Buffer.from(part.slice(1, -1), 'base64'))]);
}
