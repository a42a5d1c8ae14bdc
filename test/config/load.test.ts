import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../gateway/config/load.js';
import { ConfigError } from '../../gateway/config/problems.js';

const home = mkdtempSync(join(tmpdir(), 'spin-test-'));
const pem = join(home, 'ca.pem');
writeFileSync(pem, '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n');
t.teardown(() => rmSync(home, { recursive: true }));

const load = (env: NodeJS.ProcessEnv) => loadConfig({ SPIN_HOME: home, ...env }).then(({ config }) => config);
const mistakes = async (env: NodeJS.ProcessEnv) => {
  try {
    await load(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
};

t.test('without any setting it is a loopback runtime with a Jupyter and a token of its own', async (t) => {
  const config = await load({});
  t.match(config, {
    listen: { kind: 'tcp', host: '127.0.0.1', port: 8888 },
    upstream: { kind: 'embedded', environment: join(home, 'lib', 'jupyter') },
    tls: { mode: 'auto', files: undefined },
    connections: { file: join(home, 'etc', 'connections.yaml'), required: false },
  });
  const file = join(home, 'var', 'token');
  t.equal(readFileSync(file, 'utf8').trim(), config.token.reveal());
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal((await load({})).token.reveal(), config.token.reveal(), 'the token is kept');
});

t.test('a kept token that others can read becomes private again', async (t) => {
  const file = join(home, 'var', 'token');
  writeFileSync(file, 'kept-token-0123456789\n', { mode: 0o644 });
  t.equal((await load({})).token.reveal(), 'kept-token-0123456789');
  t.equal(statSync(file).mode & 0o777, 0o600);
});

t.test('only var/ must be writable, as in an image with a volume', async (t) => {
  // Root writes here too: for root it is test/deploy that has a read-only SPIN_HOME.
  const closed = mkdtempSync(join(tmpdir(), 'spin-test-'));
  t.teardown(() => {
    chmodSync(closed, 0o755);
    rmSync(closed, { recursive: true });
  });
  mkdirSync(join(closed, 'var'));
  chmodSync(closed, 0o555);
  t.match(await load({ SPIN_HOME: closed }), { home: { root: closed } });
});

t.test('all settings together', async (t) => {
  const config = await load({
    SPIN_TOKEN: 'a-token-of-sixteen-or-more',
    SPIN_HOST: '0.0.0.0',
    SPIN_PORT: '443',
    SPIN_UPSTREAM: 'https://jupyter.example.com/user/me/',
    SPIN_UPSTREAM_TOKEN: 'upstream',
    SPIN_UPSTREAM_CA: pem,
    SPIN_TLS: 'required',
    SPIN_PUBLIC_URL: 'https://spin.example.com',
    SPIN_ALLOWED_HOSTS: 'a.example.com, B.example.com,',
    SPIN_ALLOWED_ORIGINS: 'https://app.example.com,http://localhost:3000',
    SPIN_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    SPIN_CONNECTIONS: '/etc/c.yaml',
    SPIN_RUNTIME_ENV: 'API_*',
    API_KEY: 'k',
  });
  t.match(config, {
    listen: { host: '0.0.0.0', port: 443 },
    upstream: { kind: 'http', ca: /CERTIFICATE/ },
    tls: { mode: 'required' },
    allowedHosts: ['a.example.com', 'b.example.com'],
    allowedOrigins: ['https://app.example.com', 'http://localhost:3000'],
    trustedProxies: ['10.0.0.0/8', '::1'],
    connections: { file: '/etc/c.yaml', required: true },
  });
  t.equal(config.publicUrl?.origin, 'https://spin.example.com');
  t.same(config.runtimeEnv.names(), ['API_KEY']);
});

t.test('a variable that is set to nothing counts as unset', async (t) => {
  t.equal((await load({ SPIN_UPSTREAM: '', SPIN_TLS: '', SPIN_PORT: '' })).upstream.kind, 'embedded');
});

t.test('unix sockets, to listen on and to front', async (t) => {
  const config = await load({
    SPIN_HOST: 'unix:/run/a.sock',
    SPIN_UPSTREAM: 'unix:/run/b.sock',
    SPIN_TLS: 'off',
  });
  t.match(config, {
    listen: { kind: 'unix', path: '/run/a.sock' },
    upstream: { kind: 'unix', path: '/run/b.sock' },
  });
});

t.test('every mistake is reported at once, each with its name and what would be right', async (t) => {
  const found = await mistakes({
    SPIN_PORT: 'x',
    SPIN_TLS: 'maybe',
    SPIN_TOKN: 'a',
    SPIN_ALLOWED_ORIGINS: '*',
  });
  t.same(found.map(({ variable }) => variable).sort(), [
    'SPIN_ALLOWED_ORIGINS',
    'SPIN_PORT',
    'SPIN_TLS',
    'SPIN_TOKN',
  ]);
  t.ok(found.every(({ wrong, right }) => wrong.length > 5 && right.length > 5));
});

const wrong: [what: string, variable: string, env: NodeJS.ProcessEnv, right?: RegExp][] = [
  ['a misspelt setting', 'SPIN_TOKN', { SPIN_TOKN: 'x' }, /Did you mean SPIN_TOKEN\?/],
  ['no token on a public bind', 'SPIN_TOKEN', { SPIN_HOST: '0.0.0.0' }],
  ['a short token on a public bind', 'SPIN_TOKEN', { SPIN_HOST: '0.0.0.0', SPIN_TOKEN: 'fifteen-letters' }],
  ['a token with a space', 'SPIN_TOKEN', { SPIN_TOKEN: 'a token with spaces in it' }],
  ['a relative home', 'SPIN_HOME', { SPIN_HOME: 'here' }],
  ['a home that cannot be made', 'SPIN_HOME', { SPIN_HOME: '/proc/nowhere' }],
  ['an address that is none', 'SPIN_HOST', { SPIN_HOST: 'not an address' }],
  [
    'a name that means nothing',
    'SPIN_HOST',
    { SPIN_HOST: 'typo.invalid', SPIN_TOKEN: 'x'.repeat(16) },
    /^An address of this machine/,
  ],
  ['a socket path that is too long', 'SPIN_HOST', { SPIN_HOST: `unix:/${'x'.repeat(120)}` }, /107 bytes/],
  ['a port that is too large', 'SPIN_PORT', { SPIN_PORT: '65536' }],
  ['an upstream that is no URL', 'SPIN_UPSTREAM', { SPIN_UPSTREAM: 'localhost:8888' }],
  [
    'an upstream with a token in it',
    'SPIN_UPSTREAM',
    { SPIN_UPSTREAM: 'http://h/?token=canary' },
    /SPIN_UPSTREAM_TOKEN/,
  ],
  ['an upstream with a password in it', 'SPIN_UPSTREAM', { SPIN_UPSTREAM: 'http://me:canary@h/' }],
  ['a token for no upstream', 'SPIN_UPSTREAM_TOKEN', { SPIN_UPSTREAM_TOKEN: 'canary' }],
  ['a CA for no upstream', 'SPIN_UPSTREAM_CA', { SPIN_UPSTREAM_CA: pem }],
  ['a CA for plain http', 'SPIN_UPSTREAM_CA', { SPIN_UPSTREAM: 'http://h', SPIN_UPSTREAM_CA: pem }],
  [
    'a CA file that is not there',
    'SPIN_UPSTREAM_CA',
    { SPIN_UPSTREAM: 'https://h', SPIN_UPSTREAM_CA: '/none' },
  ],
  [
    'a CA file without a certificate',
    'SPIN_UPSTREAM_CA',
    { SPIN_UPSTREAM: 'https://h', SPIN_UPSTREAM_CA: '/etc/hostname' },
  ],
  ['two Jupyters', 'SPIN_JUPYTER', { SPIN_UPSTREAM: 'http://h', SPIN_JUPYTER: '/usr' }],
  ['an environment without Jupyter', 'SPIN_JUPYTER', { SPIN_JUPYTER: home }, /absolute path/],
  ['TLS off on a public bind', 'SPIN_TLS', { SPIN_HOST: '::', SPIN_TOKEN: 'x'.repeat(16), SPIN_TLS: 'off' }],
  ['a certificate without its key', 'SPIN_TLS_KEY', { SPIN_TLS_CERT: pem }],
  ['a public URL with a path', 'SPIN_PUBLIC_URL', { SPIN_PUBLIC_URL: 'https://h/path' }],
  ['a wildcard host', 'SPIN_ALLOWED_HOSTS', { SPIN_ALLOWED_HOSTS: '*.example.com' }],
  ['a host with a port', 'SPIN_ALLOWED_HOSTS', { SPIN_ALLOWED_HOSTS: 'a.example.com:80' }],
  ['any origin', 'SPIN_ALLOWED_ORIGINS', { SPIN_ALLOWED_ORIGINS: '*' }],
  ['the null origin', 'SPIN_ALLOWED_ORIGINS', { SPIN_ALLOWED_ORIGINS: 'null' }],
  [
    'an origin with a slash',
    'SPIN_ALLOWED_ORIGINS',
    { SPIN_ALLOWED_ORIGINS: 'https://a.b/' },
    /Write https:\/\/a\.b\./,
  ],
  ['everybody as a proxy', 'SPIN_TRUSTED_PROXIES', { SPIN_TRUSTED_PROXIES: '0.0.0.0/0' }],
  ['a CIDR with too many bits', 'SPIN_TRUSTED_PROXIES', { SPIN_TRUSTED_PROXIES: '10.0.0.0/33' }],
  ['one-shot mode', 'RUNTIME_MODE', { RUNTIME_MODE: 'oneshot' }],
];
for (const [what, variable, env, right] of wrong) {
  t.test(`refuses ${what}`, async (t) => {
    const found = await mistakes(env);
    t.equal(found[0]?.variable, variable);
    t.equal(found.length, 1);
    if (right) t.match(found[0]?.right, right);
    t.notMatch(JSON.stringify(found), /canary|fifteen-letters|a token with/, 'no secret is quoted');
  });
}

t.test('cells may use every variable but the gateway’s and the system’s', async (t) => {
  const { runtimeEnv } = await load({
    API_KEY: 'k',
    PATH: '/bin',
    LC_ALL: 'C',
    PYTHONPATH: 'x',
    SPIN_TOKEN: 'y'.repeat(16),
  });
  t.same(runtimeEnv.names(), ['API_KEY']);
  t.equal(runtimeEnv.get('API_KEY')?.reveal(), 'k');
  t.equal(runtimeEnv.get('SPIN_TOKEN'), undefined);
  t.match(runtimeEnv.explain('SPIN_TOKEN'), /own settings/);
  t.match(runtimeEnv.explain('PATH'), /SPIN_RUNTIME_ENV lists/);
  t.match(runtimeEnv.explain('API_KYE'), /no variable of that name/);
});

t.test('an allow-list opens the system’s variables, and never the gateway’s own', async (t) => {
  const { runtimeEnv } = await load({
    SPIN_RUNTIME_ENV: 'HOME,SPIN_*',
    HOME: '/h',
    API_KEY: 'k',
    SPIN_TOKEN: 'y'.repeat(16),
  });
  t.same(runtimeEnv.names(), ['HOME']);
  t.same(['HOME', 'SPIN_TOKEN', 'API_KEY'].map(runtimeEnv.lists), [true, false, false]);
  t.match(runtimeEnv.explain('API_KEY'), /does not list/);
});

t.test('one mistake hides no other: a bad port no token, an item of a list not the next', async (t) => {
  const found = await mistakes({
    SPIN_HOST: '0.0.0.0',
    SPIN_PORT: 'abc',
    SPIN_TLS: 'off',
    SPIN_TOKEN: 'short',
    SPIN_ALLOWED_ORIGINS: 'https://app.example/,*,https://right.example',
    SPIN_TRUSTED_PROXIES: 'foo,10.0.0.0/8,bar',
  });
  t.same(found.map(({ variable }) => variable).sort(), [
    'SPIN_ALLOWED_ORIGINS',
    'SPIN_ALLOWED_ORIGINS',
    'SPIN_PORT',
    'SPIN_TLS',
    'SPIN_TOKEN',
    'SPIN_TRUSTED_PROXIES',
    'SPIN_TRUSTED_PROXIES',
  ]);
});
