import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ask, cookieFrom, postForm } from '../support/ask.js';
import { startTestGateway, TOKEN, upstreamOf } from '../support/gateway.js';
import { until } from '../support/until.js';

const LISTED = 'https://notebooks.example';
const CANARY = 'canary-"\'$`{{\\-credential';

/** Whatever it is asked, it quotes the credential that it was sent. */
async function startEcho(t: Test) {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(req.url ?? '');
    const { authorization = '' } = req.headers;
    const isRight = authorization === `Bearer ${CANARY}`;
    res.writeHead(isRight ? 200 : 401, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ status: 'success', data: { version: `2.53 for ${authorization}` } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function start(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'spin-connections-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const service = await startEcho(t);
  const file = join(folder, 'connections.yaml');
  const content = `connections:
  prod:
    type: prometheus
    url: ${service.url}/canary-path
    token: "{{runtime_env:PROM_TOKEN}}"
    default: true
  wrong:
    type: prometheus
    url: ${service.url}
    token: "{{runtime_env:WRONG_TOKEN}}"
  nowhere:
    type: prometheus
    url: http://127.0.0.1:1
  unset:
    type: prometheus
    url: ${service.url}
    token: "{{runtime_env:NOT_SET}}"
`;
  writeFileSync(file, content);
  const gateway = await startTestGateway({
    upstream: upstreamOf({ url: 'http://127.0.0.1:9/', token: '' }),
    connections: { file, required: true },
    allowedOrigins: [LISTED],
    env: { PROM_TOKEN: CANARY, WRONG_TOKEN: 'canary-wrong-token' },
  });
  t.teardown(() => gateway.close());
  const at = `${gateway.origin}/spin/api/connections`;
  const authorization = `token ${TOKEN}`;
  return { gateway, service, file, content, at, authorization };
}

t.test('the connections can be listed and tried over the API', async (t) => {
  const { gateway, service, file, content, at, authorization } = await start(t);
  const list = async () => {
    const { status, body, headers } = await ask(at, { headers: { authorization } });
    t.equal(status, 200);
    t.match(headers, { 'content-type': /^application\/json/, 'cache-control': 'no-store' });
    return { body, json: JSON.parse(body) };
  };
  const tried = (name: string, headers = {}) =>
    ask(`${at}/${name}/test`, { method: 'POST', headers: { authorization, ...headers } });

  await t.test('names, types and the default, and nothing else of a connection', async (t) => {
    const { body, json } = await list();
    t.same(json, {
      connections: [
        { name: 'prod', type: 'prometheus', default: true },
        { name: 'wrong', type: 'prometheus', default: false },
        { name: 'nowhere', type: 'prometheus', default: false },
        { name: 'unset', type: 'prometheus', default: false },
      ],
      problems: [],
    });
    t.notMatch(body, /canary|http|TOKEN/);
  });

  await t.test('S10: a test says what the service said, without the credential', async (t) => {
    const { status, body } = await tried('prod');
    t.equal(status, 200);
    t.same(JSON.parse(body), { name: 'prod', works: true, says: 'Prometheus 2.53 for Bearer ***' });
    t.same(service.asked, ['/canary-path/api/v1/status/buildinfo']);
  });

  await t.test('what failed is said: the credential, the address, the reference', async (t) => {
    const says = async (name: string) => JSON.parse((await tried(name)).body);
    t.match(await says('wrong'), { works: false, says: /401.*does not accept/ });
    t.match(await says('nowhere'), {
      works: false,
      says: /127\.0\.0\.1:1 can't be reached: nothing listens/,
    });
    t.match(await says('unset'), { works: false, says: /\{\{runtime_env:NOT_SET\}\}, which is not set/ });
    t.match(await tried('no-such'), { status: 404, body: /There is no connection of that name/ });
    t.match(await tried('..%2f..'), { status: 400 });
  });

  await t.test('clients that call it JSON may', async (t) => {
    const headers = { 'content-type': 'application/json' };
    t.equal((await tried('prod', headers)).status, 200);
    const large = { method: 'POST', headers: { authorization, ...headers }, body: `"${'x'.repeat(20_000)}"` };
    t.equal((await ask(`${at}/prod/test`, large)).status, 400, 'S15');
  });

  await t.test(
    'S5: a login cookie counts on this site’s own pages only; a listed origin sends the token',
    async (t) => {
      const cookie = cookieFrom(await postForm(`${gateway.origin}/spin/login`, { token: TOKEN }));
      const before = service.asked.length;
      const post = (headers: Record<string, string>) => ask(`${at}/prod/test`, { method: 'POST', headers });
      t.match(await post({ cookie }), { status: 403, body: /ORIGIN_REQUIRED/ });
      for (const origin of [LISTED, 'https://evil.example', 'null'])
        t.match(await post({ cookie, origin }), { status: 403, body: /ORIGIN_NOT_ALLOWED/ }, origin);
      t.match(await ask(at, { headers: { cookie, origin: LISTED } }), { status: 403 });
      t.equal(service.asked.length, before, 'no service was asked');
      t.equal((await post({ cookie, origin: gateway.origin })).status, 200);
      const listed = await post({ authorization, origin: LISTED });
      t.match(listed, { status: 200, headers: { 'access-control-allow-origin': LISTED } });
    },
  );

  await t.test('nobody else gets anything, and nothing is changed by looking', async (t) => {
    const before = service.asked.length;
    t.equal((await ask(at)).status, 401);
    t.equal((await ask(`${at}/prod/test`, { method: 'POST' })).status, 401);
    t.equal((await ask(`${at}/prod/test`, { headers: { authorization } })).status, 404, 'GET tries nothing');
    t.equal(service.asked.length, before);
  });

  await t.test('a file that is not used says why, by line', async (t) => {
    writeFileSync(
      file,
      `connections:\n  prod:\n    type: prometheus\n    url: http://a\n    token: canary-literal\n`,
    );
    await until(async () => (await list()).json.problems.length > 0, 20_000);
    const { body, json } = await list();
    t.match(json.problems, [{ line: 5, sentence: /prod\.token is a credential and is written out/ }]);
    t.equal(json.connections.length, 4, 'the old ones are in use');
    t.notMatch(body, /canary/);
    writeFileSync(file, content);
    await until(async () => (await list()).json.problems.length === 0, 20_000);
  });

  await t.test('S2, S10: the log says who tried what, and no value', async (t) => {
    const [line] = gateway.lines('a connection was tested');
    t.match(line, { event: 'connection test', connection: 'prod', works: true, principal: 'owner' });
    t.notMatch(gateway.log(), /canary/);
  });
});
