import type { RequestListener } from 'node:http';
import t, { type Test } from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { ask } from '../support/ask.js';
import { startFront } from '../support/front.js';
import { type Recorder, sendRaw, startRecorder } from '../support/recorder.js';

const TOKEN = 'upstream-canary-token-91';

async function through(
  t: Test,
  answer?: RequestListener,
  options?: Parameters<typeof startFront>[1],
  token: Secret | null = new Secret(TOKEN),
): Promise<{ recorder: Recorder; url: string; port: number }> {
  const recorder = await startRecorder(answer, token ?? undefined);
  const front = await startFront(() => recorder.upstream, options);
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  return { recorder, url: front.url, port: front.port };
}

const get = (lines: string) =>
  `GET /x HTTP/1.1\r\nHost: public.example\r\n${lines}\r\nConnection: close\r\n\r\n`;

for (const line of [
  'Authorization: token client-canary',
  'Authorization: Bearer client-canary',
  'Proxy-Authorization: Basic client-canary',
  'Cookie: __Host-spin-8888=client-canary',
  'Cookie: a=1; __Host-spin-8888=client-canary; __host-spin-1=client-canary',
  'Cookie: a=1; spin-8888=client-canary; spin-1 =client-canary',
  'Cookie: CF_Authorization=client-canary; CF_AppSession=client-canary',
  'Cookie: username-localhost-8888="2|1:0|client-canary"',
  'Forwarded: for=client-canary',
  'X-Forwarded-For: client-canary',
  'X-Forwarded-Proto: client-canary',
  'X-Forwarded-Host: client-canary',
  'X-Forwarded-Prefix: client-canary',
  'X-Forwarded: client-canary',
  'X-Real-IP: client-canary',
  'X-Scheme: client-canary',
  'X_Forwarded_For: client-canary',
  'X_Real_IP: client-canary',
  'Authorization_: client-canary',
  'True-Client-IP: client-canary',
  'X-Original-URL: /client-canary',
  'Tailscale-User-Login: client-canary@example.com',
  'Tailscale-User-Name: client-canary',
  'Tailscale-User-Profile-Pic: https://client-canary.example/',
  'Tailscale-App-Capabilities: {"client-canary":[]}',
  'Cf-Access-Jwt-Assertion: client-canary',
  'Cf-Access-Authenticated-User-Email: client-canary@example.com',
  'Via: 1.1 client-canary',
  'Keep-Alive: client-canary',
  'TE: client-canary',
  'HTTP2-Settings: client-canary',
  'Referer: https://public.example/page?token=client-canary',
  'Referer: https://elsewhere.example/client-canary',
  'Origin: https://client-canary.example',
]) {
  t.test(`S6: "${line}" does not reach the upstream`, async (t) => {
    const { recorder, port } = await through(t, undefined, {}, null);
    await sendRaw(port, get(line));
    t.notOk(JSON.stringify(recorder.requests).includes('client-canary'));
    t.equal(recorder.requests.length, 1);
  });
}

t.test('S6: headers that the client names in Connection are removed', async (t) => {
  const { recorder, port } = await through(t);
  await sendRaw(
    port,
    'GET /x HTTP/1.1\r\nHost: h\r\nX-Secret-Hop: 1\r\nConnection: close, X-Secret-Hop\r\n\r\n',
  );
  t.notOk(recorder.requests[0]?.lines.some((line) => line.startsWith('x-secret-hop')));
});

t.test('S6: naming a header in Connection does not remove what the gateway says', async (t) => {
  const { recorder, port } = await through(t);
  await sendRaw(
    port,
    'GET /x HTTP/1.1\r\nHost: h\r\nConnection: close, authorization, x-forwarded-for, host\r\n\r\n',
  );
  const lines = recorder.requests[0]?.lines ?? [];
  t.ok(lines.includes(`authorization: token ${TOKEN}`));
  t.ok(lines.includes('x-forwarded-for: 192.0.2.7'));
  t.ok(lines.includes(`host: 127.0.0.1:${recorder.port}`));
});

t.test(
  'S6: the upstream gets its own Host, Origin, Referer and token, and the truth on the client',
  async (t) => {
    const { recorder, port } = await through(t);
    await sendRaw(
      port,
      get(
        'Origin: https://public.example\r\nReferer: https://public.example/lab/tree\r\nCookie: a=1; _xsrf=2|x',
      ),
    );
    const own = `http://127.0.0.1:${recorder.port}`;
    const lines = recorder.requests[0]?.lines ?? [];
    for (const line of [
      `host: 127.0.0.1:${recorder.port}`,
      `origin: ${own}`,
      `referer: ${own}/lab/tree`,
      `authorization: token ${TOKEN}`,
      'cookie: a=1; _xsrf=2|x',
      'x-forwarded-for: 192.0.2.7',
      'x-forwarded-proto: https',
      'x-forwarded-host: public.example',
    ]) {
      t.ok(lines.includes(line), line);
    }
  },
);

t.test(
  "S6, J12: the upstream's make, CORS, login and token do not reach the client, extensions' cookies do",
  async (t) => {
    const { url } = await through(t, (_req, res) => {
      res.writeHead(200, {
        server: 'TornadoServer/6',
        'x-powered-by': 'canary',
        'access-control-allow-origin': '*',
        'access-control-allow-credentials': 'true',
        'strict-transport-security': 'max-age=1',
        'clear-site-data': '"cookies"',
        'x-secret-hop': '1',
        connection: 'keep-alive, x-secret-hop',
        'x-echo': `token ${TOKEN}`,
        'content-security-policy': "frame-ancestors 'self'; report-uri /api/security/csp-report",
        'set-cookie': [
          'username-localhost-8888="2|1:0|10:1|4:user|4:abcd|ef"; HttpOnly; Path=/',
          'username-localhost-8888=plain; Path=/',
          // A login's cookie by another name (IdentityProvider.cookie_name), quoted and not; a JupyterHub's.
          `renamed=${signedAs('renamed', '{"username": "a", "name": "A", "display_name": "A"}')}; Path=/`,
          `renamed="${signedAs('renamed', '{"username": "a"}')}"; Path=/`,
          'jupyterhub-session-id=1; Path=/',
          // J12: an extension's own.
          `other=${signedAs('other', '{"theme": "dark", "username": "a"}')}; Path=/`,
          `more="${signedAs('more', 'plain')}"; Path=/`,
          '__Host-spin-8888=fixated; Path=/; Secure',
          'spin-8888 =fixated; Path=/',
          '_xsrf=2|07d6b0dd|1f4e|1795424545; Path=/',
        ],
      });
      res.end('body');
    });
    const { headers, body } = await ask(`${url}/x`);
    t.equal(body, 'body');
    t.same(headers['set-cookie'], [
      `other=${signedAs('other', '{"theme": "dark", "username": "a"}')}; Path=/`,
      `more="${signedAs('more', 'plain')}"; Path=/`,
      '_xsrf=2|07d6b0dd|1f4e|1795424545; Path=/',
    ]);
    t.equal(
      headers['content-security-policy'],
      "frame-ancestors 'self'; report-uri /api/security/csp-report",
    );
    t.same(
      Object.keys(headers).filter((name) => /^(server|x-|access|strict|clear)/.test(name)),
      [],
    );
  },
);

t.test('S6: a token that is an everyday word takes no header away', async (t) => {
  const answer: RequestListener = (_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  };
  const { url } = await through(t, answer, {}, new Secret('json'));
  t.equal((await ask(`${url}/x`)).headers['content-type'], 'application/json');
});

t.test('S6: what the gateway has set on a response stays, beside what the upstream sets', async (t) => {
  const answer: RequestListener = (_req, res) => {
    res.writeHead(200, { 'set-cookie': '_xsrf=1', vary: 'Accept', 'access-control-allow-origin': '*' });
    res.end();
  };
  const { url } = await through(t, answer, {
    before: (_req, res) => {
      res.setHeader('set-cookie', '__Host-spin-8888=renewed');
      res.setHeader('vary', 'Origin');
      res.setHeader('access-control-allow-origin', 'https://ui.example');
    },
  });
  const { headers } = await ask(`${url}/x`);
  t.same(headers['set-cookie'], ['__Host-spin-8888=renewed', '_xsrf=1']);
  t.equal(headers.vary, 'Origin, Accept');
  t.equal(headers['access-control-allow-origin'], 'https://ui.example');
});

t.test('S6: the token is taken out of pages, also compressed ones that nobody asked for', async (t) => {
  const { gzipSync, brotliCompressSync, deflateSync } = await import('node:zlib');
  const page = `<script id="c" type="application/json">{"token": "${TOKEN}", "x": 1}</script>`.repeat(2000);
  const codings = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync, identity: Buffer.from };
  const { url } = await through(t, (req, res) => {
    const coding = (req.url ?? '').slice(1);
    const encode = codings[coding as keyof typeof codings];
    res.writeHead(200, { 'content-type': 'text/html; charset=UTF-8', 'content-encoding': coding });
    res.end(encode(page));
  });
  for (const coding of Object.keys(codings)) {
    const { headers, body } = await ask(`${url}/${coding}`, { headers: { 'accept-encoding': coding } });
    t.equal(body, page.replaceAll(TOKEN, ''), coding);
    t.equal(headers['content-encoding'], undefined);
  }
});

t.test('S6: a page in an encoding that cannot be read is not passed on', async (t) => {
  const { url } = await through(t, (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'zstd' }).end(TOKEN);
  });
  const { status, body } = await ask(`${url}/x`);
  t.equal(status, 502);
  t.notOk(body.includes(TOKEN));
});

t.test(
  'S6: a navigation asks the upstream for an uncompressed page, a script for nothing unreadable',
  async (t) => {
    const { recorder, url } = await through(t);
    await ask(`${url}/x`, { headers: { accept: 'text/html', 'accept-encoding': 'gzip, br, zstd' } });
    await ask(`${url}/x`, { headers: { accept: '*/*', 'accept-encoding': 'gzip, br;q=0.5, zstd' } });
    const asked = recorder.requests.map(({ lines }) =>
      lines.find((line) => line.startsWith('accept-encoding')),
    );
    t.same(asked, ['accept-encoding: identity', 'accept-encoding: gzip, br;q=0.5']);
  },
);

t.test('S6: what is no page passes compressed, byte for byte', async (t) => {
  const { gzipSync } = await import('node:zlib');
  const packed = gzipSync('console.log(1)');
  const { port } = await through(t, (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/javascript', 'content-encoding': 'gzip' }).end(packed);
  });
  const answer = await sendRaw(port, get('Accept-Encoding: gzip'));
  t.match(answer, /content-encoding: gzip/i);
  t.ok(answer.includes(packed.toString('latin1')));
});

t.test("S6: the upstream's login is never shown: the gateway says what to mend", async (t) => {
  const { url } = await through(t, (_req, res) => {
    res.writeHead(302, { location: '/login?next=%2Flab' }).end();
  });
  const { status, body } = await ask(`${url}/lab`);
  t.equal(status, 502);
  t.match(body, /SPIN_UPSTREAM_TOKEN/);
});

t.test('S6: TRACE does not show the client what Jupyter was sent', async (t) => {
  const echo: RequestListener = (req, res) => res.end(JSON.stringify(req.headers));
  const { recorder, url } = await through(t, echo);
  const answer = await ask(url, { method: 'TRACE' });
  t.equal(answer.status, 403);
  t.notMatch(answer.body, TOKEN);
  t.equal(recorder.requests.length, 0);
});

/** As Tornado signs a cookie's value, but for the signature. */
function signedAs(name: string, value: string): string {
  const encoded = Buffer.from(value).toString('base64');
  return `2|1:0|10:1795424545|${name.length}:${name}|${encoded.length}:${encoded}|0123abcd`;
}

/** By which programs in front say who somebody is, each in the spellings that servers take for one. */
const IDENTITY =
  `Remote-User Remote-Name Remote-Email Remote-Groups X-Remote-User X-Remote-Group X-Remote-Extra-Scopes
  X-Auth-Request-User X-Auth-Request-Email X-Auth-Request-Access-Token X-Auth-Request-Groups
  X-Auth-Request-Preferred-Username X-Auth-User X-Auth-Email X-Webauth-User X-Webauth-Email X-Webauth-Groups
  X-Forwarded-User X-Forwarded-Email X-Forwarded-Groups X-Forwarded-Preferred-Username X-Forwarded-Access-Token
  X-Forwarded-Tls-Client-Cert X-Goog-Authenticated-User-Email X-Goog-Authenticated-User-Id X-Goog-Iap-Jwt-Assertion
  X-Amzn-Oidc-Identity X-Amzn-Oidc-Data X-Amzn-Oidc-Accesstoken X-Amzn-Mtls-Clientcert X-Ms-Client-Principal
  X-Ms-Client-Principal-Name X-Ms-Client-Principal-Id X-Ms-Token-Aad-Id-Token X-Pomerium-Jwt-Assertion
  X-Pomerium-Claim-Email X-Pomerium-Authorization Cf-Access-Jwt-Assertion Cf-Access-Authenticated-User-Email
  Tailscale-User-Login Tailscale-User-Name X-Authentik-Username X-Authentik-Groups X-Authentik-Jwt X-Vouch-User
  X-Vouch-Idp-Claims-Sub X-Consumer-Username X-Consumer-Id X-Credential-Identifier Oidc-Claim-Email X-Oidc-Username
  X-Userinfo X-Id-Token X-User X-Username X-User-Id X-Email X-Groups X-Jwt-Assertion Teleport-Jwt-Assertion
  X-Ssl-Client-S-Dn Ssl-Client-S-Dn X-Client-Cert Client-Cert Impersonate-User X-Apigateway-Api-Userinfo
  X-Proxy-User X-Authenticated-User`.split(/\s+/);

t.test('X18: no header that says who somebody is reaches Jupyter', async (t) => {
  const { recorder, port } = await through(t);
  for (const name of IDENTITY) {
    for (const spelling of [name, name.toUpperCase(), name.toLowerCase(), name.replaceAll('-', '_')]) {
      await sendRaw(port, get(`${spelling}: client-canary`));
      if (JSON.stringify(recorder.requests.at(-1)).includes('client-canary')) t.fail(spelling);
    }
  }
  t.equal(recorder.requests.length, 4 * IDENTITY.length);
});

t.test('X18: what clients of Jupyter and its extensions send passes', async (t) => {
  const { recorder, port } = await through(t);
  for (const name of `X-Xsrftoken X-Requested-With Mcp-Session-Id X-Amz-Date X-Github-Token X-Csrftoken Last-Event-Id
    X-Api-Key Accept-Language If-None-Match Range Content-Type User-Agent X-Remotely-Alike`.split(/\s+/)) {
    await sendRaw(port, get(`${name}: client-canary`));
    t.match(JSON.stringify(recorder.requests.at(-1)), 'client-canary', name);
  }
});
