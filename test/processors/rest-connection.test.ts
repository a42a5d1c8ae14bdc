import t from 'tap';
import { type Runtime, type RuntimeKernel, startRuntime } from '../support/runtime.js';
import { type Answer, give, type RestServer, startRestServer } from './rest-server.js';

t.setTimeout(180_000);

const json = 'application/json';
const things = [...'abcde'].map((name, at) => ({ id: 9007199254740993n + BigInt(at), name, of: { x: at } }));
const rows = (from: number, to: number) =>
  JSON.stringify(things.slice(from, to), (_, each) =>
    typeof each === 'bigint' ? `#${each}#` : each,
  ).replace(/"#|#"/g, '');

let tokens = 0;
let valid = '';
let failures = 0;
const issue: Answer = (response) => {
  valid = `access-token-${++tokens}`;
  response.setHeader('content-type', json);
  // Several cells wait for it together.
  setTimeout(
    () => response.end(JSON.stringify({ access_token: valid, token_type: 'bearer', expires_in: 3600 })),
    200,
  );
};
const guarded: Answer = (response, { headers }) => {
  response
    .writeHead(headers.authorization === `Bearer ${valid}` ? 200 : 401, { 'content-type': json })
    .end('{}');
};
const flaky: Answer = (response, { method }) => {
  failures += 1;
  if (failures < 3) response.writeHead(503, failures === 1 ? { 'retry-after': '1' } : {}).end('busy');
  else response.end(`${method} at last`);
};
const paged: Answer = (response, { url }) => {
  const at = Number(new URL(url, 'http://x').searchParams.get('page') ?? 1);
  const link = at < 3 ? { link: `</v1/linked?page=${at + 1}>; rel="next", </v1/linked>; rel="first"` } : {};
  response.writeHead(200, { 'content-type': json, ...link }).end(rows(at * 2 - 2, at * 2));
};
const cursors: Answer = (response, { url }) => {
  const at = Number(new URL(url, 'http://x').searchParams.get('after') ?? 0);
  const meta = { cursor: at < 4 ? String(at + 2) : null };
  response
    .writeHead(200, { 'content-type': json })
    .end(`{"meta": ${JSON.stringify(meta)}, "items": ${rows(at, at + 2)}}`);
};
const graphql: Answer = (response, { body }) => {
  const { query, variables } = JSON.parse(body);
  response.setHeader('content-type', json);
  if (!query.includes('things')) {
    response.end('{"data": null, "errors": [{"message": "Cannot query field", "path": ["stuff", 0]}]}');
  } else
    response.end(
      JSON.stringify({ data: { things: { nodes: [{ name: variables.name, days: variables.days }] } } }),
    );
};

let server: RestServer;
let runtime: Runtime;
let kernel: RuntimeKernel;
t.before(async () => {
  server = await startRestServer(t, {
    '/v1/rows': give(json, rows(0, 5)),
    '/v1/picture': give('application/octet-stream', Buffer.from([0, 255, 1])),
    '/v1/text': give('text/plain', 'plain'),
    '/v1/missing': give(json, `{"error": "${'no such thing '.repeat(50_000)}"}`, 404),
    '/v1/linked': paged,
    '/v1/cursors': cursors,
    '/v1/counted': (response, asked) =>
      /page=[45]/.test(asked.url) ? response.end('[]') : paged(response, asked),
    '/v1/flaky': flaky,
    '/v1/later': give('text/plain', '', 429, { 'retry-after': '3600' }),
    '/v1/hang': () => undefined,
    '/v1/guarded': guarded,
    '/v1/graphql': graphql,
    '/token': issue,
  });
  const { origin } = server;
  runtime = await startRuntime(
    t,
    [
      `api: {type: rest, url: "${origin}/v1", token: "{{runtime_env:TOKEN}}", default: true}`,
      `oauth: {type: rest, url: "${origin}/v1", token_url: "${origin}/token", client_id: me, client_secret: "{{runtime_env:CLIENT}}", scope: "a b"}`,
      `key: {type: rest, url: "${origin}/v1", api_key: "{{runtime_env:KEY}}", api_key_query: key}`,
    ],
    {
      TOKEN: 'token-of-the-connection',
      CLIENT: 'secret-of-the-client',
      KEY: 'key-of-the-connection',
      MINE: 'a value/of mine',
    },
  );
  kernel = await runtime.startKernel(t);
  await kernel.run(
    'name = "x/y z"; n = 2**60; d = {"k": [1, None, "ä"], "at": __import__("datetime").date(2026, 1, 2)}',
  );
});

t.test('values are placed by the rules of where they stand', async (t) => {
  const { run } = kernel;
  const ran = await run(
    '%%rest api --out got\nPOST /{{name}}?q={{name}}&n={{n}}\nX-N: <{{name}}>\n\n{"a": {{d}}, "b": "{{name}}", "n": {{n}}, "m": "{{runtime_env:MINE}}"}',
  );
  t.match(ran, { status: 'ok', error: '' });
  t.match(ran.stdout, /^HTTP 200 OK, \d+ B, \d+\.\d\d s\n$/);
  t.match(server.last, {
    method: 'POST',
    url: '/v1/x%2Fy%20z?q=x%2Fy%20z&n=1152921504606846976',
    headers: { authorization: 'Bearer token-of-the-connection', 'x-n': '<x/y z>', 'content-type': json },
  });
  t.match(server.last.body, '"n": 1152921504606846976', 'with all its digits');
  t.match(JSON.parse(server.last.body), {
    a: { k: [1, null, 'ä'], at: '2026-01-02' },
    b: 'x/y z',
    m: 'a value/of mine',
  });
  t.match((await run('print(got["method"], got["headers"]["authorization"])')).stdout, 'POST Bearer ***\n');
  await run('%%rest\nPOST /form\nContent-Type: application/x-www-form-urlencoded\n\na={{name}}&b=1');
  t.equal(server.last.body, 'a=x%2Fy+z&b=1', 'the default connection, and a form');
  await run('%%rest\nPOST /xml\nContent-Type: text/xml\n\n<a b="{{name}}">{{name}}</a>');
  t.equal(server.last.body, '<a b="x/y z">x/y z</a>');
  t.match((await run('%%rest\nGET /{{nope}}')).error, /no variable nope/);
  t.match((await run('%%rest\nGET /{{d}}')).error, /is a dict/);
});

t.test('answers show as what they are', async (t) => {
  const { run } = kernel;
  const table = await run('%%rest --out rows\nGET /rows');
  t.match(table.data[0]?.['text/html'], />id<\/th>.*9007199254740993/s);
  t.match(
    (await run('print(type(rows).__name__, int(rows.id[4]), rows.of[1])')).stdout,
    "DataFrame 9007199254740997 {'x': 1}",
  );
  t.match((await run('%%rest\nGET /echo')).data[0]?.[json], { method: 'GET', url: '/v1/echo' });
  t.match((await run('%%rest --out raw\nGET /picture')).status, 'ok');
  t.equal((await run('print(raw)')).stdout, "b'\\x00\\xff\\x01'\n");
  t.match((await run('%%rest\nGET /text')).data[0]?.['text/plain'], 'plain');
  const missing = await run('%%rest\nGET /missing');
  t.match(missing, { status: 'error', error: /The server answered HTTP 404 Not Found\./ });
  // Before it there may be the progress of a slow machine.
  const said = missing.data.map((bundle) => String(bundle['text/plain'])).find((text) => text !== '') ?? '';
  t.match(said, /^\{"error": "no such thing/);
  t.ok(said.length < 101_000, 'as much as helps');
});

t.test('all pages become one list', async (t) => {
  const { run } = kernel;
  for (const cell of [
    '%%rest --paginate --out all\nGET /linked',
    '%%rest --next meta.cursor --cursor after --out all\nGET /cursors',
    '%%rest --page page --out all\nGET /counted',
    '%%rest key --paginate --out all\nGET /linked',
  ]) {
    await run('all = None');
    t.match(await run(cell), { status: 'ok', error: '', stdout: /, [34] pages\n$/ }, cell);
    t.equal(
      (await run('print("".join(all.name), int(all.id.max()))')).stdout,
      'abcde 9007199254740997\n',
      cell,
    );
  }
  t.match(server.last.url, /^\/v1\/linked\?page=3&key=key-of-the-connection$/);
  t.match((await run('%%rest --paginate\nGET /text')).error, /is not JSON/);
  t.match((await run('%%rest --paginate\nPOST /rows')).error, /--paginate works only with GET/);
});

t.test('GraphQL', async (t) => {
  const { run } = kernel;
  await run('variables = {"name": "x", "days": [1, 2]}');
  const query = 'query($name: String!) { things(name: $name) { nodes { name days } } }';
  const ran = await run(`%%rest api --graphql --variables variables --out got\n${query}`);
  t.match(ran, { status: 'ok', error: '' });
  t.match(ran.data[0]?.['text/html'], '>[1, 2]</td>');
  t.match(await run('%%rest --graphql\nPOST /graphql\n\n{ stuff }'), {
    status: 'error',
    error: /GraphQL: Cannot query field \(at stuff\.0\)/,
  });
  t.match((await run('%%rest --graphql\n{ things(name: "{{name}}") }')).error, /--variables NAME/);
});

t.test('what may pass is tried again, and only what may be', async (t) => {
  const { run } = kernel;
  const ran = await run('%%rest\nGET /flaky');
  t.match(ran, { status: 'ok', error: '' });
  t.match(
    ran.data.map((each) => each['text/plain']).join('\n'),
    /next try in 1 s.*\n.*GET at last|GET at last/s,
  );
  t.equal(failures, 3);
  failures = 0;
  t.match((await run('%%rest\nPOST /flaky')).error, /HTTP 503/);
  t.equal(failures, 1, 'a POST is not');
  const before = server.asked.length;
  t.match((await run('%%rest\nGET /later')).error, /HTTP 429/, 'longer than the cell may take');
  t.equal(server.asked.length, before + 1);
  t.match((await run('%%rest --timeout 1\nGET /hang')).error, /took longer than 1 s/);
});

t.test('a token of OAuth is fetched once for all cells, and again when the service forgot it', async (t) => {
  const kernels = await Promise.all([1, 2, 3].map(() => runtime.startKernel(t)));
  const all = await Promise.all(kernels.map(({ run }) => run('%%rest oauth\nGET /guarded')));
  t.match(all, [{ status: 'ok' }, { status: 'ok' }, { status: 'ok' }]);
  t.equal(tokens, 1);
  const asked = server.asked.find(({ url }) => url === '/token');
  t.match(asked, {
    method: 'POST',
    body: 'grant_type=client_credentials&scope=a+b',
    headers: { authorization: `Basic ${Buffer.from('me:secret-of-the-client').toString('base64')}` },
  });
  valid = 'revoked';
  t.match(await kernel.run('%%rest oauth\nPOST /guarded'), { status: 'ok', error: '' });
  t.equal(tokens, 2);
});

t.test('without a connection the request leaves from the kernel', async (t) => {
  const { run } = kernel;
  t.match(await run(`%%rest\nGET ${server.origin}/v1/x`), { status: 'ok', stdout: /^HTTP 200 OK/ });
  t.equal(server.last.headers.authorization, undefined);
  t.match((await run(`%%rest --paginate\nGET ${server.origin}/v1/x`)).error, /--paginate needs a connection/);
  t.match((await run(`%%rest api\nGET ${server.origin}/v1/x`)).error, /names a path below/);
});
