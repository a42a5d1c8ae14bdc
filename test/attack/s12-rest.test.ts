import { brotliCompressSync, constants } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { linkBelow, placeBelow } from '../../processors/http/place.js';
import { cut, renderTarget } from '../../processors/http/template.js';
import { give, startRestServer } from '../processors/rest-server.js';
import { oneConnection, performCell } from '../support/brokered.js';

/** 300 MiB of zeros. */
const bomb = brotliCompressSync(Buffer.alloc(300 * 1024 ** 2), {
  params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
});

const TOKEN = 'canary-token-of-the-connection';

t.test('S8, S12: a cell names nothing but paths below its connection’s URL', async (t) => {
  const server = await startRestServer(t);
  const other = await startRestServer(t);
  const connections = oneConnection('rest', { url: `${server.origin}/base/v1`, token: new Secret(TOKEN) });
  const ask = (request: string) => performCell(`%%rest it\n${request}`, connections);
  const fine: Readonly<Record<string, string>> = {
    'GET /a': '/base/v1/a',
    'GET /a//b/?x=../..&u=http://other/': '/base/v1/a//b/?x=../..&u=http://other/',
    'GET /group%2Fname': '/base/v1/group%2Fname',
    'GET /a..b/.c/d.': '/base/v1/a..b/.c/d.',
    'GET /a#/../..': '/base/v1/a',
    'GET /@other:1/': '/base/v1/@other:1/',
  };
  for (const [request, url] of Object.entries(fine)) {
    const { error } = await ask(request);
    t.equal(error, '', request);
    t.equal(server.last.url, url, request);
  }
  const before = server.asked.length;
  for (const target of [
    `${other.origin}/`,
    `//127.0.0.1:${other.port}/`,
    '/../../secret',
    '/..',
    '/a/../b',
    '/a/./b',
    '/%2e%2e/b',
    '/%2E%2e/b',
    '/.%2e/b',
    '/%252e%252e/b',
    '/a/..%2fb',
    '/a/..%5cb',
    '/a/%2e%2e%2f%2e%2e%2fb',
    '/..;/b',
    '/..;a=1/b',
    '/..\\b',
    '/\\..\\b',
    `/\\127.0.0.1:${other.port}/`,
    '/a%00b',
    '/a%0d%0ab',
  ]) {
    const { error } = await ask(`GET ${target}`);
    t.match(error, /path/, target);
  }
  t.equal(server.asked.length, before, 'nothing was sent');
  t.equal(other.asked.length, 0);
});

t.test('S8, S11: no value leaves the place that it was put in', async (t) => {
  const base = 'http://service.test/base';
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (first, second) => {
      const values = new Map<string, Value>([
        ['a', { type: 'text', value: first }],
        ['b', { type: 'text', value: second }],
      ]);
      let target: string;
      try {
        target = renderTarget(cut('/x/{{a}}{{b}}/y?q={{b}}&z=1'), values);
        placeBelow(base, target);
      } catch (error) {
        return error instanceof Error && error.name === 'CellError';
      }
      const url = placeBelow(base, target);
      const isText = Buffer.from(second).toString() === second;
      return (
        url.origin === 'http://service.test' &&
        /^\/base\/x\/[^/?#]*\/y$/.test(url.pathname) &&
        [...url.searchParams.keys()].join() === 'q,z' &&
        (!isText || url.searchParams.get('q') === second)
      );
    }),
    { numRuns: 2_000 },
  );
  for (const value of ['..', '.', '../..', '..\\..', '%2e%2e', '..;']) {
    const values = new Map<string, Value>([['a', { type: 'text', value }]]);
    t.throws(() => placeBelow(base, renderTarget(cut('/x/{{a}}'), values)), { name: 'CellError' }, value);
  }
});

t.test('S12: a cell can’t say what only the connection may', async (t) => {
  const server = await startRestServer(t);
  const token = oneConnection('rest', { url: server.origin, token: new Secret(TOKEN) });
  const key = { url: server.origin, api_key: new Secret(TOKEN) };
  const query = oneConnection('rest', { ...key, api_key_query: 'key' });
  const header = oneConnection('rest', { ...key, api_key_header: 'X-Key' });
  for (const name of [
    'Host',
    'X-Forwarded-Host',
    'X-Original-URL',
    'Proxy-Authorization',
    'Upgrade',
    'Authorization',
  ]) {
    t.match((await performCell(`%%rest it\nGET /\n${name}: x`, token)).error, /Leave out/, name);
  }
  t.match((await performCell('%%rest it\nGET /\nx-key: x', header)).error, /Leave out the header x-key/);
  t.match((await performCell('%%rest it\nGET /?key=x', query)).error, /Leave out key/);
  t.equal(server.asked.length, 0);
  t.equal((await performCell('%%rest it\nGET /?a=1+2', query)).error, '');
  t.equal(server.last.url, `/?a=1+2&key=${TOKEN}`);
});

t.test('S12: neither a redirect nor a link to the next page takes credentials elsewhere', async (t) => {
  const other = await startRestServer(t);
  const elsewhere = `${other.origin}/v1/stolen`;
  const server = await startRestServer(t, {
    '/v1/301': (response) => response.writeHead(301, { location: elsewhere }).end(),
    '/v1/307': (response) => response.writeHead(307, { location: elsewhere }).end(),
    '/v1/link': give('application/json', '[]', 200, { link: `<${elsewhere}>; rel="next"` }),
    '/v1/json': give('application/json', JSON.stringify({ items: [], next: elsewhere })),
    '/v1/above': give('application/json', '[]', 200, { link: '</v2/things>; rel=next' }),
    '/v1/dots': give('application/json', '[]', 200, { link: '<%2e%2e/%2e%2e/v2>; rel=next' }),
  });
  const connections = oneConnection('rest', { url: `${server.origin}/v1`, token: new Secret(TOKEN) });
  for (const path of ['301', '307']) {
    const { error } = await performCell(`%%rest it\nGET /${path}`, connections);
    t.match(error, /redirects to http:\/\/127\.0\.0\.1:\d+ \(HTTP 30[17] .*\), which is not followed/, path);
  }
  for (const path of ['link', 'json', 'above', 'dots']) {
    const { error } = await performCell(`%%rest it --paginate\nGET /${path}`, connections);
    t.match(error, /next page is outside the connection's url/, path);
  }
  t.equal(other.asked.length, 0);
  t.equal(server.asked.length, 6);

  t.equal(
    linkBelow('https://a.test/v1', 'https://user@a.test/v1/x', new URL('https://a.test/v1')),
    undefined,
  );
  t.equal(linkBelow('https://a.test/v1', '/v10', new URL('https://a.test/v1')), undefined);
});

t.test('S14: an answer that is given up in the middle ends its own cell alone', async (t) => {
  const large = 'x'.repeat(500_000);
  const server = await startRestServer(t, {
    '/redirect': (response) => response.writeHead(302, { location: '/' }).end(large),
    '/claims': (response) => {
      response.writeHead(200, { 'content-length': String(1024 ** 4) });
      response.write(large);
    },
    '/bomb': (response) => {
      response.writeHead(200, { 'content-encoding': 'br' }).end(bomb);
    },
  });
  const connections = oneConnection('rest', { url: server.origin, token: new Secret(TOKEN) });
  const ask = async (path: string) => (await performCell(`%%rest it\nGET ${path}`, connections)).error;
  t.equal(await ask('/redirect'), '', 'a redirect with a body');
  t.match(await ask('/claims'), /larger than 256 MiB/);
  t.match(await ask('/bomb'), /larger than 256 MiB/, 'also once it is unpacked');
  t.equal(await ask('/fine'), '', 'and the next cell works');
});
