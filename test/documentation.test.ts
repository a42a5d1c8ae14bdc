import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { marked } from 'marked';
import t from 'tap';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');

/**
 * Every command and file that these pages show: for each heading with one, the file of `test/` that takes it from the page.
 * One that nothing runs has a comment before it that says why: `<!-- not run: … -->`. Blocks without a language are pictures.
 */
const pages: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'README.md': { Start: 'test/real/readme.test.ts', 'A cell': 'test/real/readme.test.ts' },
  'docs/README.md': {},
  'docs/architecture.md': {},
  'docs/guide/start.md': {
    Start: 'test/real/readme.test.ts',
    'In front of your own Jupyter': 'test/real/readme.test.ts',
  },
  'docs/guide/cells.md': { Cells: 'test/real/readme.test.ts' },
  'docs/guide/connections.md': { Connections: 'test/real/readme.test.ts' },
  'CONTRIBUTING.md': {
    'Adding a processor': 'test/real/readme.test.ts',
    'One with connections': 'test/real/add-on.test.ts',
  },
  'docs/deploy/container.md': {
    'The image': 'test/deploy/image.test.ts',
    Run: 'test/deploy/image.test.ts',
    'Hardened, and over TLS for other machines': 'test/deploy/image.test.ts',
    Secrets: 'test/deploy/image.test.ts',
    'In front of a Jupyter of the host': 'test/deploy/image.test.ts',
    Pinned: 'test/deploy/image.test.ts',
  },
  'docs/deploy/compose.md': {
    Compose: 'test/support/compose.ts',
    Alone: 'test/deploy/compose.test.ts',
    'With Jupyter in a container of its own': 'test/deploy/compose.test.ts',
  },
  'docs/deploy/tailnet.md': { Start: 'test/deploy/tailscale.test.ts' },
  'docs/deploy/cloudflare.md': {
    'On the Internet through a Cloudflare Tunnel': 'test/deploy/compose.test.ts',
  },
  'docs/guide/one-run.md': {
    'In a checkout': 'test/real/readme.test.ts',
    'With the image': 'test/deploy/oneshot.test.ts',
  },
  'docs/deploy/kubernetes.md': {
    'A namespace and its secrets': 'test/deploy/helm.test.ts',
    Install: 'test/deploy/helm.test.ts',
    Change: 'test/deploy/helm.test.ts',
    Remove: 'test/deploy/helm.test.ts',
    'A variable for ingress-nginx': 'test/deploy/helm-affinity.test.ts',
  },
  'docs/deploy/ssh.md': {
    'To loopback': 'test/real/ssh.test.ts',
    'Behind another machine': 'test/real/ssh.test.ts',
    'Another local port': 'test/real/ssh.test.ts',
    'To a unix socket': 'test/real/ssh.test.ts',
  },
  'docs/deploy/systemd.md': { 'As a systemd service': 'test/real/systemd.test.ts' },
  'docs/deploy/reverse-proxies.md': {
    'Behind nginx, Caddy or HAProxy': 'test/real/reverse-proxies.test.ts',
    nginx: 'test/support/front-proxy.ts',
    Caddy: 'test/support/front-proxy.ts',
    'HAProxy with X-Forwarded headers': 'test/support/front-proxy.ts',
    'HAProxy with PROXY protocol': 'test/support/front-proxy.ts',
    'HAProxy passing TLS on': 'test/support/front-proxy.ts',
    'nginx passing TLS on': 'test/support/front-proxy.ts',
  },
  'docs/deploy/certificates.md': {
    'From a certificate authority': 'test/deploy/acme.test.ts',
    'Trust the local CA': 'test/real/certificates.test.ts',
    'Debian, Ubuntu': 'test/real/certificates.test.ts',
    'Debian, Ubuntu: take it back': 'test/real/certificates.test.ts',
    'Chromium, Chrome on Linux: take it back': 'test/real/certificates.test.ts',
    'Chromium, Chrome on Linux': 'test/real/certificates.test.ts',
    'Node.js': 'test/real/certificates.test.ts',
  },
  'docs/deploy/operations.md': {
    Metrics: 'test/real/operations.test.ts',
    Alerts: 'test/real/operations.test.ts',
    Traces: 'test/real/readme.test.ts',
    'Looking at everything': 'test/real/operations-program.test.ts',
    Reloading: 'test/real/operations-program.test.ts',
    Backup: 'test/real/operations-program.test.ts',
  },
  'docs/deploy/replicas.md': {
    Settings: 'test/support/replicas.ts',
    nginx: 'test/support/replicas.ts',
    HAProxy: 'test/support/replicas.ts',
  },
  'docs/deploy/enterprise-gateway.md': {
    'Enterprise Gateway': 'test/support/enterprise-gateway.ts',
  },
  'docs/clients/agents-and-scripts.md': { 'By hand': 'test/real/extensions.test.ts' },
  'docs/deploy/jupyterhub.md': {},
  'docs/clients/vscode.md': {},
  'docs/reference/settings.md': {},
  'docs/reference/cells.md': {},
  'docs/reference/errors.md': {},
  'docs/reference/metrics.md': {},
  'docs/reference/exit-statuses.md': {},
  'docs/reference/rest.md': {},
  'docs/reference/what-passes.md': {},
  'docs/deploy/capacity.md': {},
  'docs/deploy/cloud-machine.md': { 'Log in': 'test/deploy/cloud.test.ts' },
  'docs/deploy/aws.md': {},
  'docs/deploy/app-platforms.md': {},
  'docs/deploy/devcontainer.md': {},
};

/** The headings of a page with code that a test has to run. */
function headingsWithCode(page: string): string[] {
  const found = new Set<string>();
  let heading = '';
  let isRun = true;
  for (const token of marked.lexer(read(page))) {
    if (token.type === 'heading') heading = token.text as string;
    const isPicture = token.type === 'code' && !token.lang && /─►/.test(token.text as string);
    if (token.type === 'code' && !isPicture && isRun) found.add(heading);
    // A comment holds for the one block behind it.
    if (token.type !== 'space')
      isRun = !(token.type === 'html' && /^<!-- not run: \S.* -->\s*$/s.test(token.raw));
  }
  return [...found];
}

for (const [page, tests] of Object.entries(pages)) {
  t.test(`${page}: each command is run by a test, or said not to be`, async (t) => {
    t.same(headingsWithCode(page).sort(), Object.keys(tests).sort());
    for (const [heading, file] of Object.entries(tests))
      for (const name of [`'${heading}'`, `${page}'`]) t.match(read(file), name, `${file} names ${name}`);
  });
}

t.test('no page of the documentation is left out here', async (t) => {
  const found = readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
  t.same(
    found.filter((page) => !Object.hasOwn(pages, page)),
    [],
  );
});

t.test('the README fits on two screens', async (t) => {
  t.ok(read('README.md').split('\n').length <= 100);
});

t.test('A4: no document has anybody ask a registry for a name that nobody owns', async (t) => {
  for (const page of Object.keys(pages))
    t.notMatch(read(page), /\b(?:npx|npm exec|npm x|yarn dlx|pnpm dlx|bunx)\b[^\n`]*spin-runtime/, page);
  for (const page of Object.keys(pages).filter((each) => each !== 'docs/deploy/container.md'))
    for (const line of read(page).split('\n'))
      if (/^(?:[A-Z_]+=\S+ )*spin-runtime (?:start|run|login-url|cert|doctor|connections)\b/.test(line))
        t.fail(`${page} has a command that a checkout doesn't have: ${line}`);
});

t.test(
  'X11: SECURITY.md promises nothing between the kernels of one Jupyter, and says what does',
  async (t) => {
    const text = read('SECURITY.md').replace(/\s+/g, ' ');
    t.match(text, /kernels of one Jupyter aren't kept from each other/);
    t.match(text, /a gateway of their own with a `SPIN_HOME` of its own/);
  },
);
