import t from 'tap';
import { readCookie, sessionCookieOf, setCookie } from '../../gateway/edge/cookies.js';

const of = (authority: string, secure: boolean, publicUrl?: string) =>
  sessionCookieOf({ authority, secure }, publicUrl === undefined ? undefined : new URL(publicUrl));

t.test('the cookie carries every flag that keeps it from scripts, other sites and plain HTTP', async (t) => {
  t.equal(
    setCookie(of('localhost:8888', true), 'x.y.z', 60),
    '__Host-spin-8888=x.y.z; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax',
  );
});

t.test('W2: by plain HTTP on a loopback name it is one that WebKit keeps', async (t) => {
  for (const name of ['localhost', 'a.localhost', '127.0.0.1', '[::1]']) {
    t.equal(
      setCookie(of(`${name}:8888`, false), 'x.y.z', 60),
      'spin-8888=x.y.z; Path=/; Max-Age=60; HttpOnly; SameSite=Lax',
      name,
    );
  }
  t.equal(of('jupyter.example.com', false).name, '__Host-spin-80', 'a proxy that keeps its https to itself');
});

t.test('W14: the port is the one that the browser wrote', async (t) => {
  t.equal(of('localhost:9001', false).name, 'spin-9001');
  t.equal(of('localhost', false).name, 'spin-80');
  t.equal(of('localhost', true).name, '__Host-spin-443');
  t.equal(of('[::1]:9001', true).name, '__Host-spin-9001');
  t.equal(of('[::1]', false).name, 'spin-80');
  t.equal(of('x.example', true, 'https://x.example:8443').name, '__Host-spin-8443', 'a proxy took it away');
  t.equal(of('y.example', true, 'https://x.example:8443').name, '__Host-spin-443');
  t.equal(of('x.example:1', true, 'https://x.example:8443').name, '__Host-spin-1');
});

t.test('a cookie is found among others, by its whole name', async (t) => {
  t.same(readCookie('a=1; __Host-spin-88=no; __Host-spin-8888=x.y; b="="', '__Host-spin-8888'), ['x.y']);
  t.same(readCookie('x__Host-spin-8888=1; __Host-spin-8888', '__Host-spin-8888'), []);
  t.same(readCookie('__Host-spin-8888=', '__Host-spin-8888'), []);
  t.same(readCookie(undefined, '__Host-spin-8888'), []);
});

t.test('X20: of many cookies of one name some are looked at', async (t) => {
  t.same(readCookie('spin-1=a; spin-1=b', 'spin-1'), ['a', 'b']);
  t.equal(readCookie('spin-1=a;'.repeat(8_000), 'spin-1').length, 8);
});
