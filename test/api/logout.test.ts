import t from 'tap';
import { ask, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { startGatehouse, TOKEN } from '../support/gatehouse.js';
import { startTestGateway, upstreamOf } from '../support/gateway.js';

async function loggedIn(t: { teardown(end: () => Promise<void>): void }) {
  const gatehouse = await startGatehouse();
  t.teardown(() => gatehouse.close());
  const cookie = cookieFrom(await postForm(`${gatehouse.origin}/spin/login`, { token: TOKEN }));
  return { gatehouse, cookie, logout: `${gatehouse.origin}/spin/logout` };
}

t.test('a link to the logout page only asks', async (t) => {
  const { gatehouse, cookie, logout } = await loggedIn(t);
  const { body } = await ask(logout, { headers: { ...NAVIGATION, cookie } });
  t.match(body, '<form method="post" action="/spin/logout">');
  t.equal((await ask(`${gatehouse.origin}/x`, { headers: { cookie } })).status, 200);
});

t.test('logging out clears the cookie and ends the session', async (t) => {
  const { gatehouse, cookie, logout } = await loggedIn(t);
  const answer = await postForm(logout, {}, { cookie });
  t.equal(answer.status, 303);
  t.equal(answer.headers.location, '/spin/login');
  t.same(answer.headers['set-cookie'], [
    `spin-${gatehouse.port}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax`,
  ]);
  t.equal((await ask(`${gatehouse.origin}/x`, { headers: { cookie } })).status, 401);
});

t.test('an old session is not renewed by its own logout', async (t) => {
  const { gatehouse, cookie, logout } = await loggedIn(t);
  gatehouse.pass(2 * 3600);
  const cookies = (await postForm(logout, {}, { cookie })).headers['set-cookie'];
  t.equal(cookies?.length, 1);
  t.match(cookies?.[0], 'Max-Age=0');
});

t.test('another site cannot log anybody out', async (t) => {
  const { gatehouse, cookie, logout } = await loggedIn(t);
  t.equal((await postForm(logout, {}, { cookie, origin: 'https://evil.example' })).status, 403);
  t.equal((await ask(`${gatehouse.origin}/x`, { headers: { cookie } })).status, 200);
});

t.test("Jupyter's logout leads a person to the gateway's, and a program to Jupyter", async (t) => {
  const gateway = await startTestGateway({
    upstream: upstreamOf({ url: 'http://127.0.0.1:9/user/me', token: '' }),
  });
  t.teardown(() => gateway.close());
  const url = `${gateway.origin}/user/me/logout`;
  const authorization = `token ${gateway.token}`;
  t.match(await ask(url, { headers: { ...NAVIGATION, authorization } }), {
    status: 302,
    headers: { location: '/spin/logout' },
  });
  t.equal((await ask(url, { headers: { authorization } })).status, 502);
});
