import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseNotebook } from '../../gateway/oneshot/notebook.js';
import { outputFor, readNotebook, reportFor } from '../../gateway/oneshot/source.js';
import { Secret } from '../../processors/core/secret.js';

/** A web server on loopback; gives its origin. */
async function serve(t: Test, answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const environment = new Map<string, Secret>();
const get = (url: string) => readNotebook({ kind: 'web', url: new URL(url) }, environment);
const fails = { kind: 'settings', message: /^(?!.*canary)/ };

t.test(
  'a notebook comes from the web, with the credentials that its URL holds, for its host only',
  async (t) => {
    const seen: (string | undefined)[] = [];
    const other = await serve(t, (req, res) => {
      seen.push(req.headers.authorization);
      res.end('{}');
    });
    const origin = await serve(t, (req, res) => {
      seen.push(req.headers.authorization);
      res.writeHead(302, { location: `${other}/b.ipynb` }).end();
    });
    const text = await get(origin.replace('http://', 'http://me:canary%21@'));
    t.equal(text, '{}');
    t.same(seen, [`Basic ${Buffer.from('me:canary!').toString('base64')}`, undefined]);
    await get(origin.replace('http://', 'http://me:canary%zz@'));
    t.equal(seen[2], `Basic ${Buffer.from('me:canary%zz').toString('base64')}`);
  },
);

t.test('what can not be had is said without the URL’s secrets', async (t) => {
  const origin = await serve(t, (req, res) => {
    if (req.url?.startsWith('/loop')) res.writeHead(302, { location: '/loop' }).end();
    else if (req.url?.startsWith('/inside')) {
      res.writeHead(302, { location: 'http://169.254.169.254/latest?canary' }).end();
    } else if (req.url?.startsWith('/file')) res.writeHead(302, { location: 'file:///etc/canary' }).end();
    else if (req.url?.startsWith('/cut')) req.socket.destroy();
    else if (req.url?.startsWith('/large')) {
      res.writeHead(200);
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const more = () => {
        while (!res.destroyed && res.write(chunk));
      };
      res.on('drain', more).on('error', () => {});
      more();
    } else res.writeHead(403).end('canary');
  });
  const secret = origin.replace('http://', 'http://canary:canary@');
  await t.rejects(get(`${secret}/no?token=canary`), { ...fails, message: /answered 403/ });
  for (const path of ['no', 'loop', 'inside', 'file', 'cut', 'large'])
    await t.rejects(get(`${secret}/${path}?token=canary`), fails, path);
  await t.rejects(get(`${origin}/inside`), { message: /169\.254\.169\.254: it is a link-local address/ });
  await t.rejects(get(`${origin}/large`), { message: /larger than 100 MiB/ });
  for (const host of ['169.254.169.254', '[fe80::1]', '[::ffff:169.254.169.254]', '0xa9fea9fe'])
    await t.rejects(get(`http://${host}/`), { message: /link-local/ }, host);
});

t.test('it is asked through the proxies of the environment, whose mistakes are told', async (t) => {
  const asked: (string | undefined)[] = [];
  const proxy = await serve(t, (req, res) => {
    asked.push(req.url);
    res.end('{}');
  });
  environment.set('HTTP_PROXY', new Secret(proxy));
  t.teardown(() => environment.clear());
  t.equal(await get('http://notebooks.invalid/a.ipynb'), '{}');
  t.same(asked, ['http://notebooks.invalid/a.ipynb']);
  environment.set('HTTP_PROXY', new Secret('socks://canary@host'));
  await t.rejects(get('http://notebooks.invalid/a.ipynb'), { ...fails, message: /HTTP_PROXY/ });
});

t.test('a file, and where its results go', async (t) => {
  const folder = t.testdir({ 'a.ipynb': '{}' });
  const path = join(folder, 'a.ipynb');
  t.equal(await readNotebook({ kind: 'file', path }, environment), '{}');
  await t.rejects(readNotebook({ kind: 'file', path: join(folder, 'b.ipynb') }, environment), {
    message: /b\.ipynb.*ENOENT/,
  });
  const executed = join(folder, 'a.executed.ipynb');
  t.equal(outputFor({ kind: 'file', path }, undefined), executed);
  t.equal(reportFor(executed), join(folder, 'a.executed.html'));
  const web = { kind: 'web' as const, url: new URL('https://example.com/x/%2e%2e%2fb.ipynb?token=canary') };
  t.equal(outputFor(web, undefined), join(process.cwd(), '_2e_2e_2fb.executed.ipynb'));
  t.equal(
    outputFor({ ...web, url: new URL('https://example.com/') }, undefined),
    join(process.cwd(), 'notebook.executed.ipynb'),
  );
});

t.test('only notebooks of nbformat 4 are read', async (t) => {
  const cases: [string, RegExp][] = [
    ['<html>', /not JSON/],
    ['{"nbformat": 3, "worksheets": []}', /nbformat 3.*jupyter nbconvert --to notebook/],
    ['{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', /cells/],
    ['[]', /not a notebook/],
    ['{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}', /cells\.0/],
  ];
  for (const [text, message] of cases)
    t.throws(() => parseNotebook(text), { kind: 'settings', message }, text);
});
