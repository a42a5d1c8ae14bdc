import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { Secret } from '../processors/core/secret.js';
import { ask, askUpgrade, NAVIGATION } from './support/ask.js';
import { startTestGateway, TOKEN } from './support/gateway.js';

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const authorization = `token ${TOKEN}`;

async function start(t: Test, trustedProxies: readonly string[]) {
  const asked: (string | string[] | undefined)[] = [];
  const upstream = createServer((req, res) => {
    asked.push(req.headers['x-request-id']);
    res.setHeader('x-request-id', "Jupyter's own");
    res.end('{}');
  });
  upstream.on('upgrade', (req, socket) => {
    asked.push(req.headers['x-request-id']);
    socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const url = new URL(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
  const gateway = await startTestGateway({
    upstream: { kind: 'http', url, token: new Secret('upstream-token'), ca: undefined },
    trustedProxies,
  });
  t.teardown(async () => {
    await gateway.close();
    upstream.closeAllConnections();
    upstream.close();
  });
  return { ...gateway, asked };
}

t.test('every answer has an id of its own, and Jupyter gets the same', async (t) => {
  const { origin, asked } = await start(t, []);
  const given = { authorization, 'x-request-id': 'given-by-a-client' };
  const answers = [
    await ask(`${origin}/api/status`, { headers: given }),
    await ask(`${origin}/api/status`, { headers: given }),
  ];
  const ids = answers.map(({ headers }) => headers['x-request-id']);
  for (const id of ids) t.match(id, ID, 'a client does not choose it');
  t.not(ids[0], ids[1]);
  t.same(asked, ids);
});

t.test('a refusal shows the id that its log line has', async (t) => {
  const { origin, log } = await start(t, []);
  const json = await ask(`${origin}/api/status`);
  const id = String(json.headers['x-request-id']);
  t.match(id, ID);
  t.match(JSON.parse(json.body), { code: 'UNAUTHENTICATED', request: id });
  t.match(log(), `"request":"${id}"`);

  const page = await ask(`${origin}/spin/nothing`, { headers: { ...NAVIGATION, authorization } });
  t.match(page.body, `<code>${page.headers['x-request-id']}</code>`);
  t.match(log(), `"request":"${page.headers['x-request-id']}"`);

  const malformed = await ask(`${origin}/`, { headers: { expect: 'nonsense' } });
  t.match(malformed.headers['x-request-id'], ID);
  t.match(log(), `"request":"${malformed.headers['x-request-id']}"`);
});

t.test('an upgrade has one too', async (t) => {
  const { origin, asked, log } = await start(t, []);
  const { status, headers } = await askUpgrade(`${origin}/api/kernels/1/channels`, { authorization });
  t.equal(status, 404);
  t.match(headers['x-request-id'], ID);
  t.same(asked, [headers['x-request-id']]);
  t.match(log(), `"request":"${headers['x-request-id']}"`);
});

t.test("a trusted proxy's id is taken over, unless it could break a line", async (t) => {
  const { origin, asked } = await start(t, ['127.0.0.1/32']);
  const given = '7d4f0b1e2c3a4958';
  const taken = await ask(`${origin}/api/status`, { headers: { authorization, 'x-request-id': given } });
  t.equal(taken.headers['x-request-id'], given);
  t.same(asked, [given]);
  for (const odd of ['<script>alert(1)</script>', 'x'.repeat(129), '"},{"', 'short'])
    t.match((await ask(`${origin}/`, { headers: { 'x-request-id': odd } })).headers['x-request-id'], ID, odd);
});
