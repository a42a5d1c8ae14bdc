import fc from 'fast-check';
import t from 'tap';
import { localUrl, splitTokenParameters } from '../gateway/safe-url.js';

t.test('token parameters are taken out, and everything else keeps its bytes and place', async (t) => {
  t.same(splitTokenParameters('a=%7e&token=x&b=+&&c'), { query: 'a=%7e&b=+&&c', token: 'x' });
  t.same(splitTokenParameters(''), { query: '', token: undefined });
  t.same(splitTokenParameters('tokens=1&mytoken=2'), { query: 'tokens=1&mytoken=2', token: undefined });
});

t.test('a token parameter is found however its name is escaped, and decoded as a form value', async (t) => {
  t.same(splitTokenParameters('%74oken=a%2Bb+c'), { query: '', token: 'a+b c' });
  t.same(splitTokenParameters('t%6Fken=%zz=1'), { query: '', token: '%zz=1' });
});

t.test('of several tokens the last that is not empty counts, as in Tornado', async (t) => {
  t.same(splitTokenParameters('token=a&token=b&token=&token=%20'), { query: '', token: 'b' });
});

t.test('a path on this site stays as it is', async (t) => {
  for (const path of ['/', '/lab/tree/a%20b.ipynb?reset&x=1', '/tree#top', '/spin/console', '/a//b']) {
    t.equal(localUrl(path), path);
  }
});

t.test('token parameters of the next page are dropped', async (t) => {
  t.equal(localUrl('/lab?token=x&y=1'), '/lab?y=1');
});

t.test('what leads off this site, or back to the login page, becomes the start page', async (t) => {
  const bad = [
    undefined,
    '',
    'lab',
    'https://evil.example/',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\/evil.example',
    '/.//evil.example',
    '/x/..//evil.example',
    '/%2e//evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    ' //evil.example',
    'javascript:alert(1)',
    '/lab\r\nSet-Cookie: a=b',
    '/spin/login?next=/',
    '/spin/logout',
  ]; // prettier-ignore
  for (const wanted of bad) t.equal(localUrl(wanted), '/', JSON.stringify(wanted));
});

t.test('whatever is asked for, a browser stays on this site', async (t) => {
  const text = fc.array(
    fc.constantFrom('/', '\\', '.', '%2e', '%2f', '\t', '?', '#', '@', ':', 'evil.example'),
  );
  fc.assert(
    fc.property(text, (parts) => {
      const url = new URL(localUrl(parts.join('')), 'https://runtime.example');
      return url.origin === 'https://runtime.example';
    }),
  );
  t.pass();
});
