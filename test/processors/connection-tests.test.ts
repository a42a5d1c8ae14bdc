import t from 'tap';
import { Resources } from '../../processors/core/resources.js';
import { Secret } from '../../processors/core/secret.js';
import { builtIn } from '../../processors/index.js';
import { type give, startRestServer } from './rest-server.js';

/** What each kind of HTTP connection is, beside its url and token. */
const kinds: Readonly<Record<string, object>> = {
  prometheus: {},
  loki: { org_id: 'team-a' },
  tempo: { org_id: 'team-a' },
  alertmanager: {},
  grafana: {},
  rest: {},
  github: {},
  llm: { model: 'm' },
  opensearch: {},
  splunk: {},
};
const TOKEN = 'canary-token-of-the-connection';
const resources = new Resources(new Map());
t.teardown(() => resources.close());

for (const [name, more] of Object.entries(kinds)) {
  t.test(`${name}: a credential that is unknown is told from one that may not`, async (t) => {
    let status = 401;
    // Services quote what they were sent.
    const body = () => JSON.stringify({ message: TOKEN, error: { message: TOKEN } });
    const answer = (...[response]: Parameters<ReturnType<typeof give>>) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body());
    };
    const paths = [
      '/',
      '/api/v1/status/buildinfo',
      '/rate_limit',
      '/models',
      '/_search',
      '/services/authentication/current-context',
      '/loki/api/v1/labels',
      '/api/v2/status',
      '/api/search',
      '/api/search/tags',
    ];
    const server = await startRestServer(t, Object.fromEntries(paths.map((path) => [path, answer])));
    const kind = builtIn.find((each) => each.name === name)?.connection;
    const settings = kind?.settings.parse({ url: server.origin, token: new Secret(TOKEN), ...more });
    const test = async () =>
      kind?.test({ settings, signal: AbortSignal.timeout(10_000), resources, hide: () => {} });
    await t.rejects(test, {
      name: 'CellError',
      message: /answered 401: the service does not accept the connection's credential\.$/,
    });
    status = 403;
    await t.rejects(test, {
      name: 'CellError',
      message:
        /answered 403: the service accepts the connection's credential, but does not allow this request \(permission\)\.$/,
    });
    t.equal(server.last.headers.authorization, `Bearer ${TOKEN}`);
    t.equal(server.asked.length, 2, 'each question once: a refusal is no reason to ask again');
    await test().catch((error) => t.notMatch(String(error), TOKEN, 'S10'));
  });
}

t.test('A6: the test of a REST connection says what it has proven', async (t) => {
  let status = 200;
  const answer = (...[response]: Parameters<ReturnType<typeof give>>) => {
    response.writeHead(status, { location: '/elsewhere' }).end();
  };
  const server = await startRestServer(t, { '/': answer, '/v1/me': answer });
  const kind = builtIn.find(({ name }) => name === 'rest')?.connection;
  const test = async (more: object) => {
    const settings = kind?.settings.parse({ url: server.origin, ...more });
    return kind?.test({ settings, signal: AbortSignal.timeout(10_000), resources, hide: () => {} });
  };
  const token = new Secret(TOKEN);
  for (status of [200, 404]) {
    t.match(
      await test({ token }),
      new RegExp(`HTTP ${status} .*not known whether it accepts the credential.*test_path`),
    );
    t.match(await test({}), new RegExp(`^it answers \\(HTTP ${status} .*no credential is set`));
  }
  status = 200;
  t.equal(
    await test({ token, url: `${server.origin}/v1`, test_path: '/me' }),
    'HTTP 200 OK to GET /me, with the credential',
  );
  t.equal(server.last.headers.authorization, `Bearer ${TOKEN}`);
  for (status of [404, 500])
    await t.rejects(test({ token, url: `${server.origin}/v1`, test_path: '/me' }), {
      name: 'CellError',
      message: new RegExp(`answered HTTP ${status} .* to GET /me \\(test_path\\)`),
    });
  status = 302;
  await t.rejects(test({ url: `${server.origin}/v1`, test_path: '/me' }), {
    message: /redirects to another address/,
  });
  status = 503;
  await t.rejects(test({ token }), { message: /answered HTTP 503/ });
  await t.rejects(test({ test_path: '/../other' }), { message: /leaves the connection's url/ });
  t.throws(() => kind?.settings.parse({ url: server.origin, test_path: 'me' }), /starts with \//);
});
