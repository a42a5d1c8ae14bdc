import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig, loadRun } from '../../gateway/config/load.js';
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

t.test('J8: the largest message is a setting', async (t) => {
  t.equal((await load({})).maxMessage, 10 * 1024 * 1024);
  t.equal((await load({ SPIN_MAX_MESSAGE_MB: '200' })).maxMessage, 200 * 1024 * 1024);
  for (const wrong of ['0', '257', '1.5', '-1', '10MB', '1e1', ' '])
    t.match(await mistakes({ SPIN_MAX_MESSAGE_MB: wrong }), [
      { variable: 'SPIN_MAX_MESSAGE_MB', right: /from 1 to 256/ },
    ]);
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

const acme = {
  SPIN_ACME: 'letsencrypt',
  SPIN_ACME_TERMS: 'agreed',
  SPIN_PUBLIC_URL: 'https://jupyter.example.com',
};

t.test('a certificate authority, for the public ones of the names', async (t) => {
  const config = await load({
    ...acme,
    SPIN_ALLOWED_HOSTS: 'other.example.com, gateway, 192.0.2.7, a.localhost',
    SPIN_ACME_EAB_KID: 'kid-1',
    SPIN_ACME_EAB_HMAC: 'c2VjcmV0_-',
    SPIN_ACME_EMAIL: 'me@example.com',
    SPIN_ACME_CA: pem,
  });
  t.same(config.acme?.names, ['jupyter.example.com', 'other.example.com']);
  t.equal(config.acme?.directory.host, 'acme-v02.api.letsencrypt.org');
  t.match(config.acme, { email: 'me@example.com', caFile: pem, binding: { keyId: 'kid-1' } });
  t.equal(config.acme?.binding?.hmac.reveal(), 'c2VjcmV0_-');
  t.equal((await load({})).acme, undefined);
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
  ['an authority that is none', 'SPIN_ACME', { ...acme, SPIN_ACME: 'letsencript' }, /letsencrypt/],
  ['an authority over http', 'SPIN_ACME', { ...acme, SPIN_ACME: 'http://acme.example.com/dir' }],
  ['terms that nobody agreed to', 'SPIN_ACME_TERMS', { ...acme, SPIN_ACME_TERMS: 'yes' }, /=agreed/],
  ['an authority without a name', 'SPIN_PUBLIC_URL', { ...acme, SPIN_PUBLIC_URL: '' }],
  ['an authority for an address', 'SPIN_PUBLIC_URL', { ...acme, SPIN_PUBLIC_URL: 'https://192.0.2.7' }],
  ['an authority for this machine', 'SPIN_PUBLIC_URL', { ...acme, SPIN_PUBLIC_URL: 'https://a.localhost' }],
  ['half a binding', 'SPIN_ACME_EAB_HMAC', { ...acme, SPIN_ACME_EAB_KID: 'k' }],
  [
    'a binding that is not base64url',
    'SPIN_ACME_EAB_HMAC',
    { ...acme, SPIN_ACME_EAB_KID: 'k', SPIN_ACME_EAB_HMAC: 'canary+/' },
  ],
  ['two addresses', 'SPIN_ACME_EMAIL', { ...acme, SPIN_ACME_EMAIL: 'a@example.com,b@example.com' }],
  ['an authority without TLS', 'SPIN_ACME', { ...acme, SPIN_TLS: 'off' }],
  ['an address for no authority', 'SPIN_ACME_EMAIL', { SPIN_ACME_EMAIL: 'me@example.com' }],
  ['a CA file for an authority that is not there', 'SPIN_ACME_CA', { ...acme, SPIN_ACME_CA: '/none' }],
  ['any origin', 'SPIN_ALLOWED_ORIGINS', { SPIN_ALLOWED_ORIGINS: '*' }],
  ['an origin by pattern', 'SPIN_ALLOWED_ORIGINS', { SPIN_ALLOWED_ORIGINS: 'https://*.example.com' }],
  ['an origin with a path', 'SPIN_ALLOWED_ORIGINS', { SPIN_ALLOWED_ORIGINS: 'app://x/y' }],
  ['extensions by pattern', 'SPIN_ALLOWED_ORIGINS', { SPIN_ALLOWED_ORIGINS: 'chrome-extension://*' }],
  [
    'an origin with a slash',
    'SPIN_ALLOWED_ORIGINS',
    { SPIN_ALLOWED_ORIGINS: 'https://a.b/' },
    /Write https:\/\/a\.b\./,
  ],
  ['everybody as a proxy', 'SPIN_TRUSTED_PROXIES', { SPIN_TRUSTED_PROXIES: '0.0.0.0/0' }],
  ['a CIDR with too many bits', 'SPIN_TRUSTED_PROXIES', { SPIN_TRUSTED_PROXIES: '10.0.0.0/33' }],
  ['a shared folder that is not there', 'SPIN_SHARED', { SPIN_SHARED: '/nonexistent' }, /does not create it/],
  [
    'a shared folder of replicas that share nothing else',
    'SPIN_SHARED',
    { SPIN_SHARED: '/tmp', SPIN_UPSTREAM: 'http://h', SPIN_PUBLIC_URL: 'https://h' },
    /SPIN_TOKEN/,
  ],
  ['a mode that is not there', 'RUNTIME_MODE', { RUNTIME_MODE: 'one-shot' }],
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

t.test('a run of one notebook needs no token, and listens on its private socket alone', async (t) => {
  const socket = join(home, 'run.sock');
  const read = async (env: NodeJS.ProcessEnv, notebook?: string) => {
    const { config, run } = await loadRun({ SPIN_HOME: home, ...env }, socket, notebook);
    t.match(config, { listen: { kind: 'unix', path: socket }, tls: { mode: 'off', files: undefined } });
    t.match(config.token.reveal(), /^[\w-]{32}$/);
    return { ...run, cells: config.runtimeEnv };
  };
  const tls = { SPIN_TLS: 'required', SPIN_TLS_CERT: pem, SPIN_TLS_KEY: pem };
  const serving = { SPIN_HOST: '0.0.0.0', SPIN_PORT: 'x', SPIN_METRICS_TOKEN: 'x', SPIN_ACME: 'x', ...tls };
  t.match(await read(serving, 'a.ipynb'), {
    notebook: { kind: 'file', path: join(process.cwd(), 'a.ipynb') },
    limit: undefined,
  });
  const url = 'https://me:canary@example.com/a.ipynb';
  const fromWeb = await read({ RUNTIME_MODE: 'oneshot', NOTEBOOK_URL: url, API_KEY: 'k' });
  t.match(fromWeb, { notebook: { kind: 'web', url: new URL(url) } });
  t.same(
    fromWeb.cells.names(),
    ['API_KEY', 'RUNTIME_MODE'],
    'the URL, which may hold a credential, is no cell’s',
  );
  t.match(await read({ NOTEBOOK_URL: 'file:///a%20b.ipynb' }), { notebook: { path: '/a b.ipynb' } });
  const limits = { '90': 90, '90s': 90, '10m': 600, '1h30m': 5400, '1h5s': 3605 };
  for (const [text, seconds] of Object.entries(limits))
    t.equal((await read({ MAX_DURATION: text }, '/a.ipynb')).limit, seconds * 1000, text);
});

t.test('all that is wrong about a run is told at once, and nothing of a URL', async (t) => {
  const told = async (env: NodeJS.ProcessEnv, notebook?: string) => {
    const error = await loadRun({ SPIN_HOME: home, ...env }, '/s', notebook).catch((error: unknown) => error);
    if (!(error instanceof ConfigError)) throw error;
    t.notMatch(error.message, 'canary');
    return error.problems.map(({ variable }) => variable);
  };
  t.same(await told({ MAX_DURATION: '1h30', SPIN_UPSTREAM: 'x' }), [
    'NOTEBOOK_URL',
    'MAX_DURATION',
    'SPIN_UPSTREAM',
  ]);
  t.same(await told({ NOTEBOOK_URL: 'https://canary@:0/' }), ['NOTEBOOK_URL']);
  t.same(await told({}, 's3://canary/a.ipynb'), ['notebook']);
  t.same(await told({}, 'file://canary/a.ipynb'), ['notebook']);
  for (const MAX_DURATION of ['0', '-1', '1d', '30m1h', '1h 30m', 's', '25000h'])
    t.same(await told({ MAX_DURATION }, 'a.ipynb'), ['MAX_DURATION'], MAX_DURATION);
});

t.test('a token for metrics is long enough where others can come, and is not the other one', async (t) => {
  const SPIN_TOKEN = 'a-token-of-sixteen-or-more';
  t.equal((await load({ SPIN_TOKEN })).metricsToken, undefined);
  const { metricsToken } = await load({ SPIN_TOKEN, SPIN_METRICS_TOKEN: 'short' });
  t.equal(metricsToken?.reveal(), 'short', 'on loopback');
  for (const [SPIN_METRICS_TOKEN, wrong] of [
    [SPIN_TOKEN, /the same as SPIN_TOKEN/],
    ['canary-short', /16/],
  ] as const) {
    const found = await mistakes({ SPIN_HOST: '0.0.0.0', SPIN_TOKEN, SPIN_METRICS_TOKEN });
    t.match(found, [{ variable: 'SPIN_METRICS_TOKEN' }]);
    t.match(`${found[0]?.wrong} ${found[0]?.right}`, wrong);
    t.notMatch(JSON.stringify(found), 'canary-short', 'and never shown');
  }
});

t.test('traces are sent where OpenTelemetry’s own variables name a collector, and only there', async (t) => {
  const at = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
  const sent: readonly [what: string, env: NodeJS.ProcessEnv, sent: boolean][] = [
    ['nothing is set', {}, false],
    ['only a name is set', { OTEL_SERVICE_NAME: 'spin' }, false],
    ['a collector', at, true],
    ['a collector for traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://otel.example.com/v1' }, true],
    ['its protocol', { ...at, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }, true],
    ['the SDK is off', { ...at, OTEL_SDK_DISABLED: 'TRUE' }, false],
    ['traces go nowhere', { ...at, OTEL_TRACES_EXPORTER: 'none' }, false],
  ];
  for (const [what, env, expected] of sent) t.equal((await load(env)).tracing !== undefined, expected, what);

  const share = async (sampler?: string, argument?: string) =>
    (await load({ ...at, OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument })).tracing;
  t.same(await share(), { ratio: 1, parentBased: true });
  t.same(await share('always_off'), { ratio: 0, parentBased: false });
  t.same(await share('traceidratio', '0.25'), { ratio: 0.25, parentBased: false });
  t.same(await share('parentbased_traceidratio', '0'), { ratio: 0, parentBased: true });

  const refused: readonly (readonly [name: string, value: string])[] = [
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'ftp://collector'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'http/json'],
    ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
  ];
  for (const [name, value] of refused)
    t.match(await mistakes({ ...at, [name]: value }), [{ variable: name }], `${name}=${value}`);
  for (const OTEL_TRACES_SAMPLER_ARG of ['2', '-0.1', 'half'])
    t.match(await mistakes({ ...at, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG }), [
      { variable: 'OTEL_TRACES_SAMPLER_ARG' },
    ]);
});

t.test(
  'A2: SPIN_NOTEBOOKS is a folder that is there, and not where the gateway keeps its state',
  async (t) => {
    const root = t.testdir({ home: { var: { notebooks: {} } }, mine: {}, file: '' });
    const env = { SPIN_HOME: `${root}/home`, SPIN_PORT: '0' };
    const notebooks = async (path: string) =>
      (await loadConfig({ ...env, SPIN_NOTEBOOKS: path })).config.home.notebooks;
    t.equal((await loadConfig(env)).config.home.notebooks, `${root}/home/var/notebooks`);
    t.equal(await notebooks(`${root}/mine`), `${root}/mine`);
    t.equal(await notebooks(`${root}/home/var/notebooks`), `${root}/home/var/notebooks`);
    for (const [path, message] of [
      ['mine', /"mine" is not an absolute path/],
      [`${root}/gone`, /There is no folder .*gone/],
      [`${root}/file`, /There is no folder .*file/],
      [root, /contains the gateway's state/],
      [`${root}/home`, /contains the gateway's state/],
      [`${root}/home/var`, /contains the gateway's state/],
    ] as const)
      await t.rejects(notebooks(path), { name: 'ConfigError', message }, path);
    const fronting = { ...env, SPIN_NOTEBOOKS: `${root}/mine`, SPIN_UPSTREAM: 'http://127.0.0.1:9' };
    await t.rejects(loadConfig(fronting), {
      message: /SPIN_NOTEBOOKS: .* SPIN_UPSTREAM names a running one/,
    });
    const hidden = { ...env, SPIN_HOME: `${root}/.local/spin`, SPIN_NOTEBOOKS: root };
    t.equal(
      (await loadConfig(hidden)).config.home.notebooks,
      root,
      'a home folder with the runtime in .local',
    );
  },
);
