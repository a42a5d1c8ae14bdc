import t from 'tap';
import { ask, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { startGatehouse, TOKEN } from '../support/gatehouse.js';

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
    `__Host-spin-${gatehouse.port}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax`,
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
