import type { Test } from 'tap';
import type { StockJupyterOptions } from '../support/jupyter.js';
import { type Kernel, type Ran, startKernel } from './kernel.js';
import { testRestAnswers } from './rest-answers.js';
import { testRestFailures } from './rest-failures.js';
import { testRestRedirects } from './rest-redirects.js';
import { type RestServer, startRestServer } from './rest-server.js';

/** A kernel that REST cells run in, with what tests need around it. */
export interface RestKernel {
  readonly kernel: Kernel;
  interrupt(): Promise<unknown>;
}

/** The MIME bundle that a cell showed. */
export function bundleOf({ messages }: Ran): Record<string, unknown> {
  const shown = messages.find(({ header }) => header.msg_type === 'display_data');
  return (shown?.content.data ?? {}) as Record<string, unknown>;
}

/** What REST cells do in a real kernel. */
export async function testRestCells(t: Test, options: StockJupyterOptions = {}): Promise<void> {
  const values = { 'runtime_env:KEY': 'k-1 &"2', 'runtime_env:LONG_TOKEN': 'token-of-the-cell' };
  const { kernel, jupyter, id, headers } = await startKernel(t, values, options);
  const interrupt = () =>
    fetch(`${jupyter.url}/api/kernels/${id}/interrupt`, { method: 'POST', headers, body: '' });
  await kernel.send(
    'import importlib.util, os; d = {"k": [1, None, "ä"]}; name = "x y"; text = \'{"a": 1}\'',
  );
  const rest: RestKernel = { kernel, interrupt };
  await testRequests(t, rest, await startRestServer(t));
  await testRestAnswers(t, rest, options.command === undefined);
  await testRestRedirects(t, rest);
  await testRestFailures(t, rest);
}

async function testRequests(t: Test, { kernel }: RestKernel, server: RestServer): Promise<void> {
  const { origin } = server;
  const run = async (request: string, head = '%%rest') => {
    const before = server.asked.length;
    const ran = await kernel.run(`${head}\n${request}`);
    t.match(ran, { status: 'ok', error: '' }, request);
    t.equal(server.asked.length, before + 1, 'one request came');
    return server.last;
  };

  t.test('sends each method', async (t) => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'QUERY']) {
      t.equal((await run(`${method} ${origin}/`)).method, method);
    }
    t.equal((await run(`delete ${origin}/a HTTP/1.1`)).method, 'DELETE', 'in small letters, with a version');
    t.match(await run(`${origin}/b`), { method: 'GET', url: '/b' }, 'GET where there is none');
  });

  t.test('sends headers; a name that comes again makes a list', async (t) => {
    const asked = await run(
      `GET ${origin}/\nX-One: 1\n# comment\nx-list: a\nX-List: b\nCookie: a=1\ncookie: b=2\nconstructor: c`,
    );
    t.match(asked.headers, { 'x-one': '1', 'x-list': 'a, b', cookie: 'a=1; b=2', constructor: 'c' });
    t.match(asked.headers, { 'user-agent': 'spin-runtime' });
    t.match((await run(`GET ${origin}/\nUser-Agent: mine`)).headers, { 'user-agent': 'mine' });
  });

  t.test('puts values into headers, and encodes Basic credentials', async (t) => {
    const { headers } = await run(
      `GET ${origin}/\nAuthorization: Basic me {{runtime_env:KEY}}\nX-N: <{{name}}>`,
    );
    t.equal(headers.authorization, `Basic ${Buffer.from('me:k-1 &"2').toString('base64')}`);
    t.equal(headers['x-n'], '<x y>');
    const ready = `Basic ${Buffer.from('a:b').toString('base64')}`;
    t.equal((await run(`GET ${origin}/\nAuthorization: ${ready}`)).headers.authorization, ready);
  });

  t.test('joins a query of several lines, and encodes values in it', async (t) => {
    const { url } = await run(
      `GET ${origin}/{{name}}/ä\n    ?a={{runtime_env:KEY}}\n    &b=1+2%20\nAccept: */*`,
    );
    t.equal(url, '/x%20y/%C3%A4?a=k-1%20%26%222&b=1+2%20');
  });

  t.test('lets values make up the start of the URL, its host and its port', async (t) => {
    await kernel.send(`base = "${origin}/v1/"; host = "127.0.0.1"; port = ${server.port}`);
    t.equal((await run('GET {{base}}/items?a=1')).url, '/v1/items?a=1');
    t.equal((await run('GET {{base}}')).url, '/v1/');
    t.equal((await run('GET http://{{host}}:{{port}}/c')).url, '/c');
  });

  t.test('sends a JSON body with values of every kind', async (t) => {
    const json = '{"a": {{d}}, "b": "<{{runtime_env:KEY}}>",\n  "c": {{name}}, "d": "\\\\{{text}}"}';
    const asked = await run(`POST ${origin}/\n\n${json}`);
    t.equal(asked.headers['content-type'], 'application/json');
    t.same(JSON.parse(asked.body), { a: { k: [1, null, 'ä'] }, b: '<k-1 &"2>', c: 'x y', d: '\\{"a": 1}' });
    t.same(JSON.parse((await run(`POST ${origin}/\n\n{{d}}`)).body), { k: [1, null, 'ä'] }, 'a whole body');
  });

  t.test('sends each line of JSON lines as JSON', async (t) => {
    const lines = '{"a": "{{runtime_env:KEY}}"}\n{"a": {{name}}}';
    const { body } = await run(`POST ${origin}/\nContent-Type: application/x-ndjson\n\n${lines}`);
    t.same(
      body
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
      [{ a: 'k-1 &"2' }, { a: 'x y' }],
    );
  });

  t.test('sends a text body as it is', async (t) => {
    const asked = await run(`POST ${origin}/\n\nline {{name}}\n\n\\{{name}} {{ x | y }} ✓\n`);
    t.match(asked, {
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: 'line x y\n\n{{name}} {{ x | y }} ✓',
    });
    const whole = await run(`POST ${origin}/\n\n{{text}}`);
    t.match(
      whole,
      { headers: { 'content-type': /^text\/plain/ }, body: '{"a": 1}' },
      'a text is no JSON text',
    );
    const said = await run(`POST ${origin}/\nContent-Type: application/graphql\n\n{{text}}`);
    t.equal(said.body, '{"a": 1}');
  });

  t.test('sends a form, also of several lines', async (t) => {
    const form = 'Content-Type: application/x-www-form-urlencoded';
    const { body } = await run(`POST ${origin}/\n${form}\n\na={{runtime_env:KEY}}\n&b={{name}}\n  &c=3`);
    t.equal(body, 'a=k-1+%26%222&b=x+y&c=3');
  });

  t.test('leaves out comments and what follows ###', async (t) => {
    const asked = await run(`# first\n// second\n\n### named\nPOST ${origin}/x\n\nbody\n###\n# the end`);
    t.match(asked, { method: 'POST', url: '/x', body: 'body' });
    t.match(await run(`GET ${origin}/y\nA: b\n###\n`), { url: '/y', headers: { a: 'b' }, body: '' });
  });

  t.test('--raw leaves braces as they stand', async (t) => {
    const asked = await run(`POST ${origin}/\nX-A: {{name}}\n\n{{name}} \\{{name}}`, '%%rest --raw');
    t.match(asked, { headers: { 'x-a': '{{name}}' }, body: '{{name}} \\{{name}}' });
  });
}
