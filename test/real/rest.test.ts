import t from 'tap';
import { give, startRestServer } from '../processors/rest-server.js';
import { startRuntime } from '../support/runtime.js';

t.setTimeout(180_000);

const BEARER = 'canary-"$`bearer';
const PASSWORD = 'canary-"$`password';
const KEY = 'canary/"key" {{x}}';
const CLIENT = 'canary-client-secret\\';
const ACCESS = 'canary-access-token';

t.test(
  'S10, S12: no proof of a REST connection gets to a kernel, whatever the service does with it',
  async (t) => {
    const server = await startRestServer(t, {
      '/token': give('application/json', JSON.stringify({ access_token: ACCESS, token_type: 'Bearer' })),
      '/error': (response, asked) => response.writeHead(500).end(`failed: ${JSON.stringify(asked)}`),
      '/redirect': (response, { url, headers }) =>
        response.writeHead(302, { location: `/x?${url}&${headers.authorization}` }).end(),
      '/file': (response, asked) => {
        response.setHeader('content-type', 'application/octet-stream');
        response.end(
          Buffer.concat([Buffer.from([0, 255]), Buffer.from(Object.values(asked.headers).join())]),
        );
      },
    });
    const { origin } = server;
    const runtime = await startRuntime(
      t,
      [
        `bearer: {type: rest, url: "${origin}", token: "{{runtime_env:BEARER}}"}`,
        `basic: {type: rest, url: "${origin}", username: me, password: "{{runtime_env:PASSWORD}}"}`,
        `header: {type: rest, url: "${origin}", api_key: "{{runtime_env:BEARER}}", api_key_header: X-Key}`,
        `query: {type: rest, url: "${origin}", api_key: "{{runtime_env:KEY}}", api_key_query: key}`,
        `oauth: {type: rest, url: "${origin}", token_url: "${origin}/token", client_id: me, client_secret: "{{runtime_env:CLIENT}}"}`,
      ],
      { BEARER, PASSWORD, KEY, CLIENT },
    );
    const ways = ['bearer', 'basic', 'header', 'query', 'oauth'];
    const cells = ways.flatMap((way) =>
      ['/echo', '/error', '/redirect', '/file'].map((path) => `%%rest ${way} --out got\nGET ${path}`),
    );
    const basic = Buffer.from(`me:${PASSWORD}`).toString('base64');
    const values = [BEARER, PASSWORD, KEY, CLIENT, ACCESS, basic, encodeURIComponent(KEY)];
    t.same(await runtime.findLeaks(t, cells, values), []);
    const sent = server.asked
      .map(({ url, headers }) => `${url} ${headers.authorization} ${headers['x-key']}`)
      .join('\n');
    for (const value of [BEARER, basic, encodeURIComponent(KEY), ACCESS])
      t.ok(sent.includes(value), 'it was sent');
    const { run } = await runtime.startKernel(t);
    t.match((await run('%%rest bearer --out got\nGET /echo')).frames, '***', 'and what came of it is masked');
  },
);
