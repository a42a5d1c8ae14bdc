import t from 'tap';
import { builtIn } from '../../processors/index.js';
import { Secret } from '../../processors/secret.js';
import { type give, startRestServer } from './rest-server.js';

/** What each kind of HTTP connection is, beside its url and token. */
const kinds: Readonly<Record<string, object>> = {
  prometheus: {},
  rest: {},
  github: {},
  llm: { model: 'm' },
};
const TOKEN = 'canary-token-of-the-connection';

for (const [name, more] of Object.entries(kinds)) {
  t.test(`${name}: a credential that is unknown is told from one that may not`, async (t) => {
    let status = 401;
    // Services quote what they were sent.
    const body = () => JSON.stringify({ message: TOKEN, error: { message: TOKEN } });
    const answer = (...[response]: Parameters<ReturnType<typeof give>>) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body());
    };
    const paths = ['/', '/api/v1/status/buildinfo', '/rate_limit', '/models'];
    const server = await startRestServer(t, Object.fromEntries(paths.map((path) => [path, answer])));
    const kind = builtIn.find((each) => each.name === name)?.connection;
    const settings = kind?.settings.parse({ url: server.origin, token: new Secret(TOKEN), ...more });
    const test = async () => kind?.test({ settings, signal: AbortSignal.timeout(10_000), hide: () => {} });
    await t.rejects(test, {
      name: 'CellError',
      message: /answered 401: the connection's credential is not accepted there\.$/,
    });
    status = 403;
    await t.rejects(test, {
      name: 'CellError',
      message:
        /answered 403: the connection's credential is known there, but may not do that \(permission\)\.$/,
    });
    t.equal(server.last.headers.authorization, `Bearer ${TOKEN}`);
    t.equal(server.asked.length, 2, 'each question once: a refusal is no reason to ask again');
    await test().catch((error) => t.notMatch(String(error), TOKEN, 'S10'));
  });
}
