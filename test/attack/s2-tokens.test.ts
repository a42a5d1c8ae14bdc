import { execFileSync } from 'node:child_process';
import crypto, { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import t from 'tap';
import { knownToken, matchToken } from '../../gateway/edge/tokens.js';
import { Secret } from '../../processors/core/secret.js';
import { type Answer, ask, askUpgrade, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { startGatehouse, TOKEN } from '../support/gatehouse.js';
import { startTestGateway } from '../support/gateway.js';
import { until } from '../support/until.js';

/** Every way to write a token that could turn up in text. */
function spellings(token: string): string[] {
  return [
    token,
    JSON.stringify(token).slice(1, -1),
    encodeURIComponent(token),
    new URLSearchParams({ token }).toString().slice('token='.length),
    token.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`),
    Buffer.from(token).toString('base64'),
    createHash('sha256').update(token).digest('hex'),
  ];
}

t.test('S2: a token is known whole or not at all', async (t) => {
  const known = [knownToken('owner', new Secret(TOKEN), 'all')];
  t.equal(matchToken(known, TOKEN)?.name, 'owner');
  for (const near of ['', TOKEN.slice(0, -1), `${TOKEN}x`, TOKEN.toUpperCase(), `${TOKEN}\0`, `x${TOKEN}`]) {
    t.equal(matchToken(known, near), undefined, JSON.stringify(near));
  }
});

t.test('S2: what the gateway keeps of a token is a hash of fixed length', async (t) => {
  for (const token of ['short', TOKEN, 'x'.repeat(10_000)]) {
    const known = knownToken('owner', new Secret(token), 'all');
    t.equal(known.digest.length, 32);
    t.notMatch(known.digest.toString('latin1'), token);
  }
});

t.test('S2: hashes are compared in constant time, and with every token, found or not', async (t) => {
  const compared: [number, number][] = [];
  const { timingSafeEqual } = crypto;
  crypto.timingSafeEqual = (a, b) => {
    compared.push([a.byteLength, b.byteLength]);
    return timingSafeEqual(a, b);
  };
  syncBuiltinESMExports();
  t.teardown(() => {
    crypto.timingSafeEqual = timingSafeEqual;
    syncBuiltinESMExports();
  });
  const known = ['first', 'second', 'third'].map((name) => knownToken(name, new Secret(name), 'all'));
  for (const [presented, name] of [
    ['first', 'first'],
    ['third', 'third'],
    ['a much longer one that is none of them', undefined],
  ] as const) {
    compared.length = 0;
    t.equal(matchToken(known, presented)?.name, name);
    t.same(compared, Array(3).fill([32, 32]));
  }
});

t.test('S2: no token, right or wrong, is ever written or sent anywhere', async (t) => {
  const gatehouse = await startGatehouse();
  t.teardown(() => gatehouse.close());
  const wrong = `${TOKEN}-mistyped`;
  const answers: Answer[] = [];
  for (const token of [wrong, TOKEN]) {
    const escaped = encodeURIComponent(token);
    for (const path of ['/lab', '/api/x', '/spin/nothing', '//evil.example']) {
      for (const headers of [{}, NAVIGATION]) {
        answers.push(await ask(`${gatehouse.origin}${path}?a=1&token=${escaped}&b=2`, { headers }));
        answers.push(await ask(`${gatehouse.origin}${path}?%74oken=${escaped}`, { headers }));
        answers.push(
          await ask(`${gatehouse.origin}${path}`, {
            headers: { ...headers, authorization: `token ${token}` },
          }),
        );
        // A right login in between, so that throttling doesn't hide what is behind it.
        await gatehouse.identity.logIn(
          { address: '192.0.2.1', request: 'request-1', secure: true, authority: '', origin: '' },
          TOKEN,
        );
      }
    }
    answers.push(await askUpgrade(`${gatehouse.origin}/x?token=${escaped}`));
    answers.push(
      await askUpgrade(`${gatehouse.origin}/x`, {
        'sec-websocket-protocol': `v1.token.websocket.jupyter.org.${escaped}, v1.token.websocket.jupyter.org`,
      }),
    );
    answers.push(await postForm(`${gatehouse.origin}/spin/login`, { token, next: `/lab?token=${escaped}` }));
    answers.push(
      await ask(`${gatehouse.origin}/spin/login?next=%2Flab%3Ftoken%3D${encodeURIComponent(escaped)}`),
    );
  }
  t.ok(answers.some((answer) => answer.status === 200));
  t.ok(answers.some((answer) => answer.status === 302));
  t.ok(answers.some((answer) => answer.status === 403));

  const state = await readdir(gatehouse.folder).catch(() => []);
  const files = await Promise.all(state.map((file) => readFile(join(gatehouse.folder, file), 'utf8')));
  const sent = answers.map((answer) => JSON.stringify(answer.headers) + answer.body);
  for (const text of [gatehouse.log(), ...files, ...sent]) {
    for (const spelling of spellings(TOKEN)) {
      if (text.includes(spelling)) t.fail(`found as ${spelling}`, { text });
    }
  }
  t.match(gatehouse.log(), '"event":"login"');
});

t.test('S2: a login code is written to no log', async (t) => {
  const gatehouse = await startGatehouse();
  t.teardown(() => gatehouse.close());
  const link = await gatehouse.loginUrl();
  const code = new URL(link).searchParams.get('code') ?? 'none';
  await ask(link, { headers: NAVIGATION });
  await ask(link, { headers: NAVIGATION });
  await ask(`${gatehouse.origin}/spin/nothing?code=${code}`, {
    headers: { authorization: `token ${TOKEN}` },
  });
  t.match(gatehouse.log(), 'spent code');
  t.notMatch(gatehouse.log(), code);
});

t.test('S2: ?token= in a browser is exchanged for a cookie and a redirect to the same page', async (t) => {
  const gatehouse = await startGatehouse();
  t.teardown(() => gatehouse.close());
  const token = encodeURIComponent(TOKEN);
  const answer = await ask(`${gatehouse.origin}/lab/tree/a%20b.ipynb?token=${token}&reset`, {
    headers: NAVIGATION,
  });
  t.equal(answer.status, 302);
  t.equal(answer.headers.location, '/lab/tree/a%20b.ipynb?reset');
  t.equal(answer.headers['referrer-policy'], 'no-referrer');
  t.equal(answer.headers['cache-control'], 'no-store');
  const { status } = await ask(`${gatehouse.origin}/lab`, { headers: { cookie: cookieFrom(answer) } });
  t.equal(status, 200);
});

t.test('S2: the redirect after ?token= never leaves this site', async (t) => {
  const gatehouse = await startGatehouse();
  t.teardown(() => gatehouse.close());
  for (const path of ['//evil.example/', '/\\evil.example', '/.//evil.example']) {
    const url = `${gatehouse.origin}${path}`;
    const answer = await ask(`${url}?token=${encodeURIComponent(TOKEN)}`, { headers: NAVIGATION });
    t.equal(new URL(answer.headers.location ?? '', gatehouse.origin).origin, gatehouse.origin, path);
  }
});

t.test('S2: failures from an address get 429; a session cookie from there is never throttled', async (t) => {
  const gatehouse = await startGatehouse();
  t.teardown(() => gatehouse.close());
  const cookie = cookieFrom(await postForm(`${gatehouse.origin}/spin/login`, { token: TOKEN }));
  const url = `${gatehouse.origin}/api/status`;
  for (let n = 0; n < 30; n++) await ask(url, { headers: { authorization: `token wrong ${n}` } });
  t.equal((await ask(url, { headers: { authorization: `token ${TOKEN}` } })).status, 429);
  t.equal((await askUpgrade(`${url}?token=wrong`)).status, 429);
  t.equal((await postForm(`${gatehouse.origin}/spin/login`, { token: TOKEN })).status, 429);
  t.equal((await ask(url, { headers: { cookie } })).status, 200);
  t.equal((await askUpgrade(url, { cookie, origin: gatehouse.origin })).status, 101);
});

/** Sends its request and resets the connection: three times, each over before anybody has accepted it. */
const HIT_AND_RUN = `
const [, port, request] = process.argv;
const once = (left) => {
  if (left === 0) return;
  const socket = require('node:net').connect(Number(port), '127.0.0.1', () => {
    socket.write(request, () => socket.resetAndDestroy());
  });
  socket.on('close', () => once(left - 1));
};
once(3);
`;

t.test(
  'S2: nobody’s failures count for another address, of whoever has left before it was looked at neither',
  async (t) => {
    const url = new URL('http://127.0.0.1:9');
    const gateway = await startTestGateway({
      upstream: { kind: 'http', url, token: undefined, ca: undefined },
    });
    t.teardown(() => gateway.close());
    const request =
      'GET /?token=wrong HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 203.0.113.9\r\nx-forwarded-proto: https\r\n\r\n';
    // Without this process: it accepts nothing until the other has ended.
    execFileSync(process.execPath, ['-e', HIT_AND_RUN, gateway.gateway.url.port, request]);
    const failed = () =>
      gateway.lines('login failed').reduce((sum, { more }) => sum + 1 + Number(more ?? 0), 0);
    await until(() => failed() === 3);
    t.notMatch(gateway.log(), '203.0.113.9');
  },
);
