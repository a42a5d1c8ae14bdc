import { unescape as percentDecode } from 'node:querystring';
import fc from 'fast-check';
import t from 'tap';
import { parseTarget } from '../../gateway/edge/request-target.js';
import { askUpgrade } from '../support/ask.js';
import { ask, exchange, parseAnswer, plain, startEdge } from '../support/edge.js';
import { startTestGateway } from '../support/gateway.js';
import { startSocketServer } from '../support/sockets.js';

const host = 'localhost:8888';

t.test('S8: what Jupyter legitimately asks for passes as it was sent', async (t) => {
  for (const path of [
    '/',
    '/lab',
    '/lab/tree/My%20Notebook.ipynb',
    '/api/contents/%C3%A4%20%26%20b%40c%3Ad%2Be%25.ipynb',
    '/api/contents/RTC:notebook.ipynb',
    '/api/contents/a..b/...c/.hidden/x.',
    '/api/contents/100%25',
    "/files/it's (1)!,;=~$.txt",
    '/files/%7Euser',
    '/proxy/8050//assets',
    '/api/contents/',
    '/api/collaboration/session/sub%2Finner.ipynb',
    '/api/contents/docs%5Creadme.txt',
    '/api/contents/%2Fabsolute%2fname',
    '/api/contents/Icon%0D',
    '/api/contents/a%0d%0aX:%20y',
    '/api/contents/a%09b%7F%1b%5B0m',
    '/api/contents/a%2F..b%2f.c%2F...%5Cd',
  ].map((path) => path.replaceAll(' ', '%20'))) {
    t.same(parseTarget(path, host), { target: { path, query: '' }, token: undefined });
  }
});

t.test('W1: a backslash as it is becomes its escape, which nobody reads as a slash', async (t) => {
  t.same(parseTarget('/api/contents/docs\\a.txt?x=\\', host).target, {
    path: '/api/contents/docs%5Ca.txt',
    query: 'x=\\',
  });
});

t.test('S8: the query passes as it was sent, without the token', async (t) => {
  const query = 'a=1&path=..%2F..%2Fx&b=100%&c=//&d=?&content=1';
  t.same(parseTarget(`/x?${query}`, host).target, { path: '/x', query });
  t.same(parseTarget('/x?a=1&token=r&b=2&%74oke%6E=s&token', host), {
    target: { path: '/x', query: 'a=1&b=2' },
    token: 's',
  });
  t.same(parseTarget('/x?', host).target, { path: '/x', query: '' });
});

const attacks = [
  '/..',
  '/../etc/passwd',
  '/a/..',
  '/a/../b',
  '/a/./b',
  '/.',
  '/a/.',
  '/%2e%2e/x',
  '/%2E./x',
  '/.%2e/x',
  '/a/%2e/b',
  '/..%2fx',
  '/a%2f..%2Fb',
  '/a%2F..',
  '/a%2f%2e%2e/b',
  '/a/..%5cb',
  '/a%5c..%5Cb',
  '/a%5C.',
  '/a\\..\\b',
  '/a%2f./b',
  '/..\\x',
  '/a#b',
  '/a?b#c',
  '/a%00b',
  '/a\0b',
  '/a\tb',
  '/a\rb',
  '/a\u00e9b',
  '/100%',
  '/a%zz',
  '/a%2',
  '//evil.example/x',
  '//',
  '/api//kernels',
  '/api/kernels//x/execute',
  '/API//kernels',
  '/terminals//websocket/1',
  '/api/kernels/x/%65xecute',
  '/%61pi/kernels',
  '/api%2dx',
  '/a%5fb',
  '*',
  '',
  'x',
  'localhost:8888',
  'ftp://localhost:8888/x',
  'javascript:alert(1)',
];

t.test('S8: targets that could leave the base path or dodge a rule are refused', async (t) => {
  for (const target of attacks) {
    t.throws(() => parseTarget(target, host), { code: 'BAD_PATH' }, JSON.stringify(target));
  }
});

t.test('S8: an absolute target passes only for the Host it names', async (t) => {
  t.same(parseTarget('http://LOCALHOST:8888/x?y', host).target, { path: '/x', query: 'y' });
  t.same(parseTarget('https://localhost:8888', host).target, { path: '/', query: '' });
  t.same(parseTarget('http://localhost:8888?y', host).target, { path: '/', query: 'y' });
  for (const target of [
    'http://evil.example/x',
    'http://localhost/x',
    'http://localhost:8888@evil.example/x',
    'http://evil.example:8888/x',
    'http://localhost:8888.evil.example/x',
  ]) {
    t.throws(() => parseTarget(target, host), { code: 'BAD_REQUEST' }, target);
  }
  for (const target of ['http://localhost:8888/../x', 'http://localhost:8888//x', 'http://', 'http:///x']) {
    t.throws(() => parseTarget(target, host), { code: 'BAD_PATH' }, target);
  }
});

t.test(
  'S8: no accepted path leaves the base path or changes when a server decodes or normalises it',
  async (t) => {
    const piece = fc.constantFrom(...'/ . .. %2e %2F %5c \\ // # ? % %25 %20 ; : @ a api'.split(' '));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const base = 'http://upstream/base';
        let path: string;
        try {
          ({ path } = parseTarget(`/${pieces.join('')}`, host).target);
        } catch {
          return;
        }
        const seen = new URL(base + path);
        t.equal(seen.pathname, `/base${path}`);
        // Browsers and node read a backslash as a slash.
        const decoded = percentDecode(path);
        t.notOk(decoded.split(/[/\\]/).some((segment) => segment === '..' || segment === '.'));
        t.equal(new URL(path, 'http://site').host, 'site');
      }),
      { numRuns: 2_000 },
    );
  },
);

t.test('S8: over the wire every attack gets 400, and the server goes on', async (t) => {
  const edge = await startEdge();
  t.teardown(() => edge.close());
  for (const target of attacks.filter((target) => !/[\0\t\r]|^$/.test(target))) {
    t.equal((await ask(edge, target)).status, 400, JSON.stringify(target));
  }
  const { text } = await exchange(plain(edge.port), 'GET /a\0b HTTP/1.1\r\nhost: localhost\r\n\r\n');
  t.equal(parseAnswer(text).status, 400);
  t.equal((await ask(edge, '/lab')).status, 200);
});

t.test('S8: an upgrade does not leave the base path either, a kernel’s least of all', async (t) => {
  const jupyter = await startSocketServer();
  t.teardown(() => jupyter.close());
  const url = new URL('/user/me/', jupyter.upstream.origin);
  const gateway = await startTestGateway({
    upstream: { kind: 'http', url, token: undefined, ca: undefined },
  });
  t.teardown(() => gateway.close());
  const headers = { authorization: `token ${gateway.token}` };
  for (const path of [
    '/api/kernels/1/channels',
    '/user/you/api/kernels/1/channels',
    '/terminals/websocket/1',
  ]) {
    t.equal((await askUpgrade(gateway.origin + path, headers)).status, 404, path);
  }
  t.equal(jupyter.requests.length, 0, 'nothing was dialled');
  t.equal((await askUpgrade(`${gateway.origin}/user/me/api/kernels/1/channels`, headers)).status, 101);
});
