import t from 'tap';
import { isGatewayCookie, readCookie, sessionCookieName, setCookie } from '../../gateway/edge/cookies.js';

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

t.test("cookies of any runtime on the host are told from Jupyter's", async (t) => {
  t.ok(isGatewayCookie('__Host-spin-8888'));
  t.ok(isGatewayCookie(' __host-SPIN-9999'));
  t.notOk(isGatewayCookie('_xsrf'));
  t.notOk(isGatewayCookie('username-localhost-8888'));
});
