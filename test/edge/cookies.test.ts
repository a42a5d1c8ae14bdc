import t from 'tap';
import { readCookie, sessionCookieName, setCookie } from '../../gateway/edge/cookies.js';

t.test('the cookie carries every flag that keeps it from scripts, other sites and plain HTTP', async (t) => {
  t.equal(
    setCookie(sessionCookieName(8888), 'x.y.z', 60),
    '__Host-spin-8888=x.y.z; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax',
  );
});

t.test('a cookie is found among others, by its whole name', async (t) => {
  t.equal(readCookie('a=1; __Host-spin-88=no; __Host-spin-8888=x.y; b="="', '__Host-spin-8888'), 'x.y');
  t.equal(readCookie('x__Host-spin-8888=1', '__Host-spin-8888'), undefined);
  t.equal(readCookie('__Host-spin-8888=', '__Host-spin-8888'), undefined);
  t.equal(readCookie(undefined, '__Host-spin-8888'), undefined);
});
