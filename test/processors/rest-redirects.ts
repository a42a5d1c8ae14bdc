import type { Test } from 'tap';
import type { RestKernel } from './rest-cells.js';
import { type Answer, startRestServer } from './rest-server.js';

const TOKEN = '{{runtime_env:LONG_TOKEN}}';

function redirect(to: string, status = 302): Answer {
  return (response) => {
    response.writeHead(status, { location: to });
    response.end();
  };
}

/** Where redirects lead, and what goes with them. */
export async function testRestRedirects(t: Test, { kernel }: RestKernel): Promise<void> {
  const other = await startRestServer(t);
  const server = await startRestServer(t, {
    '/here': redirect('/end'),
    '/there': redirect(`${other.origin}/end`),
    '/same-host': redirect(`${other.origin}/end`, 307),
    '/see-other': redirect('/end', 303),
    '/keep': redirect('/end', 307),
    '/ftp': redirect('ftp://127.0.0.1/end'),
    '/file': redirect('file:///etc/hostname'),
    '/round': redirect('/round'),
  });
  const { origin } = server;
  const secrets = [`Authorization: Bearer ${TOKEN}`, 'Cookie: sid=canary', 'PRIVATE-TOKEN: canary'];
  const headers = [...secrets, `Accept-Language: ${TOKEN}`, 'Accept: text/css', 'User-Agent: mine'].join(
    '\n',
  );

  t.test('a redirect at one origin keeps the headers', async (t) => {
    t.match(await kernel.run(`%%rest\nGET ${origin}/here\n${headers}`), { status: 'ok' });
    t.match(server.last, {
      url: '/end',
      headers: { authorization: 'Bearer token-of-the-cell', cookie: 'sid=canary', 'private-token': 'canary' },
    });
  });

  for (const path of ['/there', '/same-host']) {
    t.test(`no header that may be a credential follows ${path} to another origin`, async (t) => {
      const before = other.asked.length;
      t.match(await kernel.run(`%%rest\nGET ${origin}${path}\n${headers}`), { status: 'ok' });
      t.equal(other.asked.length, before + 1, 'the redirect was followed');
      t.notMatch(JSON.stringify(other.last), /canary|token-of-the-cell/);
      t.match(other.last.headers, { accept: 'text/css', 'user-agent': 'mine' });
    });
  }

  t.test('R1: a POST becomes a GET after 303, and is repeated after 307', async (t) => {
    t.match(await kernel.run(`%%rest\nPOST ${origin}/see-other\n\nbody`), { status: 'ok' });
    t.match(server.last, { method: 'GET', url: '/end', body: '' });
    t.match(await kernel.run(`%%rest\nPOST ${origin}/keep\n${headers}\n\nbody`), { status: 'ok' });
    t.match(server.last, { method: 'POST', url: '/end', body: 'body', headers: { cookie: 'sid=canary' } });
  });

  t.test('R1: a body goes to no other origin', async (t) => {
    const before = other.asked.length;
    const ran = await kernel.run(`%%rest\nPOST ${origin}/same-host\n\n${TOKEN}`);
    t.match(ran, {
      status: 'error',
      error: /redirects .* to 127\.0\.0\.1:\d+, where the body .* is not sent/,
    });
    t.equal(other.asked.length, before);
  });

  t.test('R1: nothing but http and https is followed, and no circle for ever', async (t) => {
    for (const path of ['/ftp', '/file', '/round']) {
      const ran = await kernel.run(`%%rest\nGET ${origin}${path}`);
      t.match(ran, { status: 'error', error: /redirects/, shown: '' }, path);
    }
  });
}
