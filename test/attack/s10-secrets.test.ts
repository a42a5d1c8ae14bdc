import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { MASK } from '../../gateway/channel/hidden/masked.js';
import { startRestServer } from '../processors/rest-server.js';
import { CANARY, leakIn } from '../support/canary.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { openRawClient, type RawClient, startKernel } from '../support/raw-client.js';

t.setTimeout(240_000);

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const root = mkdtempSync(join(tmpdir(), 'spin-secrets-'));
const folder = join(root, 'secrets');
const put = (name: string, content: string | Buffer) => writeFileSync(join(folder, name), content);

/** The gateway's environment; SPIN_RUNTIME_ENV lists a part of it. */
const ENV = {
  API_KEY: `env-${CANARY}`,
  BOTH: 'env-head66-not-this-one',
  WHICH: 'db',
  UPWARDS: '../outside',
  UNLISTED: 'env-head66-unlisted',
  CONN_ENV: 'env-head66-connection',
  CONN_VAR: 'conn-by-variable',
  OPENED: `opened-${CANARY}`,
};
const LISTED = ['API_KEY', 'BOTH', 'WHICH', 'UPWARDS', 'CONN_VAR', 'OPENED'];

const CATALOGUE = `
secrets: {folder: ${folder}}
connections:
  a: {type: prometheus, url: "http://127.0.0.1:9", token: "{{secret:conn-file}}"}
  b: {type: prometheus, url: "http://127.0.0.1:9", token: "{{runtime_env:CONN_ENV}}"}
  c: {type: prometheus, url: "http://127.0.0.1:9", token: "{{secret_var:CONN_VAR}}"}
  d: {type: prometheus, url: "http://127.0.0.1:9", token: "{{secret:OPENED}}"}
  e: {type: prometheus, url: "http://127.0.0.1:9", token: "{{secret:conn-large}}"}
`;

let jupyter: StockJupyter;
let gateway: TestGateway;
let client: RawClient;
let other: RawClient;

t.before(async () => {
  mkdirSync(folder);
  writeFileSync(join(root, 'outside'), CANARY);
  writeFileSync(join(root, 'connections.yaml'), CATALOGUE);
  put('db', `${CANARY}\n`);
  put('BOTH', `file-${CANARY}`);
  put('conn-file', 'file-head66-connection');
  put('conn-by-variable', 'file-head66-by-variable');
  put('conn-large', `head66${'x'.repeat(70_000)}`);
  put('large', `head66${'x'.repeat(70_000)}`);
  put('binary', Buffer.from('head66\xff', 'latin1'));
  mkdirSync(join(folder, 'nested'));
  jupyter = await startStockJupyter();
  gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env: ENV,
    runtimeEnvList: LISTED,
    connections: { file: join(root, 'connections.yaml'), required: true },
  });
  const kernel = await startKernel(gateway);
  client = await openRawClient(gateway, kernel, 'v1');
  other = await openRawClient(gateway, kernel, 'legacy');
  await Promise.all([client, other].map((each) => each.listens()));
  await client.execute('import hashlib\ndef sha(v): return hashlib.sha256(v.encode()).hexdigest()');
});
t.teardown(async () => {
  client?.close();
  other?.close();
  await gateway?.close();
  await jupyter?.close();
  rmSync(root, { recursive: true, force: true });
});

/** Where a cell takes a secret from, and what it is. */
const sources: Readonly<Record<string, readonly [reference: string, value: string]>> = {
  'a file': ['secret:db', CANARY],
  'a file whose name a variable holds': ['secret_var:WHICH', CANARY],
  'a variable': ['secret:API_KEY', ENV.API_KEY],
  'a file before a variable of the same name': ['secret:BOTH', `file-${CANARY}`],
  'a variable that a connection uses, and that SPIN_RUNTIME_ENV lists': ['secret:OPENED', ENV.OPENED],
};

/** Sentence of the error that a cell raised. */
async function failure(code: string): Promise<string> {
  const { status, messages } = await client.execute(code);
  const error = messages.find(({ type }) => type === 'error')?.content;
  t.equal(status, 'error', code);
  return String(error?.evalue);
}

for (const [source, [reference, value]] of Object.entries(sources)) {
  t.test(`a secret from ${source} is what it is in the kernel, and a mask everywhere else`, async (t) => {
    const name = reference.slice(reference.indexOf(':') + 1);
    const ways = [
      `v = "{{${reference}}}"`,
      `v = f"{{${reference}}}"`,
      ...(reference.startsWith('secret:') ? [`v = SpinSecrets.get_secret("${name}")`] : []),
    ];
    for (const code of ways) {
      const { status, stdout } = await client.execute(`${code}\nprint(sha(v))`);
      t.same({ status, stdout }, { status: 'ok', stdout: `${sha256(value)}\n` }, code);
      const shown = await client.execute('print(v)\nprint(repr(v))\nv');
      t.match(shown.stdout, MASK, 'it is printed as a mask');
    }
    const shell = await client.execute(
      `%%shell\nprintf %s {{${reference}}} | sha256sum\necho {{${reference}}}`,
    );
    t.match(shell.stdout, sha256(value), 'in the shell');
    t.match(shell.stdout, MASK);
    t.match(await failure('int(v)'), MASK, 'in an error');
  });
}

t.test('a request from the kernel carries a secret to where its cell sends it', async (t) => {
  const server = await startRestServer(t);
  const cell = `%%rest\nPOST ${server.origin}/?key={{secret:db}}\nContent-Type: text/plain\n\n{{secret_var:WHICH}}`;
  t.equal((await client.execute(cell)).status, 'ok');
  t.equal(server.last.body, CANARY);
  t.equal(new URL(server.last.url, server.origin).searchParams.get('key'), CANARY);
});

t.test('a secret that is replaced counts from the next cell on, and the old one stays hidden', async (t) => {
  await client.execute('old = "{{secret:db}}"');
  put('db', 'tail77-of-the-new-secret\n');
  const { stdout } = await client.execute(
    'new = SpinSecrets.get_secret("db")\nprint(sha(new)); print(old); print(new)',
  );
  t.equal(stdout, `${sha256('tail77-of-the-new-secret')}\n${MASK}\n${MASK}\n`);
  put('db', `${CANARY}\n`);
});

t.test('what is no secret is said by its name', async (t) => {
  const wrong: Readonly<Record<string, RegExp>> = {
    '"{{secret:nope}}"': /^\{\{secret:nope\}\}: there is no secret of that name\./,
    'SpinSecrets.get_secret("nope")': /there is no secret of that name/,
    '"{{secret:large}}"': /^The secret large is larger than 64 KiB\.$/,
    '"{{secret:binary}}"': /^The secret binary is not text in UTF-8\.$/,
    '"{{secret:nested}}"': /^The secret nested is not a file\.$/,
    '"{{secret_var:NOT_SET}}"': /the variable has to contain the name of a secret/,
    '%%shell\necho {{secret:nope}}': /there is no secret of that name/,
  };
  for (const [code, sentence] of Object.entries(wrong)) t.match(await failure(code), sentence, code);
  t.match(
    await failure('%%prometheus e\nup'),
    /secret conn-large is larger than 64 KiB/,
    'a connection’s too',
  );
});

t.test('S8: no name leads out of the folder', async (t) => {
  t.match(await failure('"{{secret_var:UPWARDS}}"'), /there is no secret of that name/);
  for (const name of ['../outside', '..', 'nested/../db', '/etc/hostname', join(root, 'outside')]) {
    t.match(
      await failure(`SpinSecrets.get_secret(${JSON.stringify(name)})`),
      /Write the reference out/,
      name,
    );
    const { stdout } = await client.execute(`print("{{secret:${name}}}" == "{" + "{secret:${name}}" + "}")`);
    t.equal(stdout, 'True\n', `${name} is no reference but text`);
  }
});

t.test(
  'S10: what a connection uses is not for cells, under no name; nor what SPIN_RUNTIME_ENV leaves out',
  async (t) => {
    const ofConnection = /is the credential of a connection: cells use the connection/;
    for (const reference of [
      'secret:conn-file',
      'runtime_env:CONN_ENV',
      'secret:CONN_ENV',
      'secret_var:CONN_VAR',
      'secret:conn-by-variable',
    ]) {
      t.match(await failure(`"{{${reference}}}"`), ofConnection, reference);
      t.match(await failure(`%%shell\necho {{${reference}}}`), ofConnection, reference);
    }
    for (const name of ['conn-file', 'CONN_ENV', 'conn-by-variable'])
      t.match(await failure(`SpinSecrets.get_secret("${name}")`), ofConnection, name);
    t.match(await failure('"{{runtime_env:UNLISTED}}"'), /SPIN_RUNTIME_ENV does not list/);
    t.match(await failure('"{{secret:UNLISTED}}"'), /there is no secret of that name/);
  },
);

t.test('S10: no secret is in a frame of any client, in the history, the source, or the log', async (t) => {
  const { stdout } = await client.execute(
    'import linecache\nprint(In, linecache.cache, get_ipython().history_manager.input_hist_raw)',
  );
  t.match(stdout, '{{secret:db}}', 'the history shows the cells as they were typed');
  t.match(stdout, 'get_secret');
  const seen = [client, other].map((each) => Buffer.concat(each.frames));
  for (const bytes of seen) {
    t.ok(bytes.length > 10_000, 'both clients saw frames');
    t.equal(leakIn(bytes), undefined);
  }
  t.equal(leakIn(gateway.log()), undefined);
});
