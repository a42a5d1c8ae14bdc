import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { marked } from 'marked';
import t from 'tap';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');

/** The code of one heading: the file of `test/` that takes it from the page, or what the page says of it. */
type Account = { readonly by: string } | { readonly says: string };
const by = (file: string): Account => ({ by: `test/${file}.ts` });
const says = (sentence: string): Account => ({ says: sentence });

/**
 * Every command and file that these pages show, by heading. One that nobody runs would be one that nobody knows to work:
 * its page has to say so.
 */
const pages: Readonly<Record<string, Readonly<Record<string, Account>>>> = {
  'README.md': { Start: by('real/readme.test'), 'A cell': by('real/readme.test') },
  'docs/README.md': {},
  'docs/architecture.md': { Architecture: says('client ─► edge') },
  'docs/guide/start.md': {
    Start: by('real/readme.test'),
    'In front of your own Jupyter': by('real/readme.test'),
  },
  'docs/guide/cells.md': { Cells: by('real/readme.test') },
  'docs/guide/connections.md': { Connections: by('real/readme.test') },
  'CONTRIBUTING.md': {
    'Set-up': says('are run by hand alone'),
    'The code, in the order in which data flows': says('browser ─► edge'),
    'Adding a processor': by('real/readme.test'),
    'One with connections': by('real/add-on.test'),
  },
  'docs/deploy/container.md': {
    'The image': by('deploy/image.test'),
    Run: by('deploy/image.test'),
    'Hardened, and over TLS for other machines': by('deploy/image.test'),
    Secrets: by('deploy/image.test'),
    'In front of a Jupyter of the host': by('deploy/image.test'),
    Pinned: by('deploy/image.test'),
  },
  'docs/deploy/compose.md': {
    Compose: by('support/compose'),
    Alone: by('deploy/compose.test'),
    'With Jupyter in a container of its own': by('deploy/compose.test'),
  },
  'docs/deploy/tailnet.md': { Start: by('deploy/tailscale.test') },
  'docs/deploy/cloudflare.md': {
    'On the Internet through a Cloudflare Tunnel': by('deploy/compose.test'),
  },
  'docs/guide/one-run.md': {
    'In a checkout': by('real/readme.test'),
    'With the image': by('deploy/oneshot.test'),
  },
  'docs/deploy/kubernetes.md': {
    'A namespace and its secrets': by('deploy/helm.test'),
    // Its second block is kubectl's.
    Install: by('deploy/helm.test'),
    Change: by('deploy/helm.test'),
    Remove: by('deploy/helm.test'),
    'A variable for ingress-nginx': by('deploy/helm-affinity.test'),
  },
  'docs/deploy/ssh.md': {
    'To loopback': by('real/ssh.test'),
    'Behind another machine': by('real/ssh.test'),
    'Another local port': by('real/ssh.test'),
    'To a unix socket': by('real/ssh.test'),
  },
  'docs/deploy/systemd.md': {
    // Its second block is what the test runs.
    'As a systemd service': says('because the test machine starts no systemd: the first block'),
  },
  'docs/deploy/reverse-proxies.md': {
    'Behind nginx, Caddy or HAProxy': by('real/reverse-proxies.test'),
    nginx: by('support/front-proxy'),
    Caddy: by('support/front-proxy'),
    'HAProxy with X-Forwarded headers': by('support/front-proxy'),
    'HAProxy with PROXY protocol': by('support/front-proxy'),
    'HAProxy passing TLS on': by('support/front-proxy'),
    'nginx passing TLS on': by('support/front-proxy'),
  },
  'docs/deploy/certificates.md': {
    'From a certificate authority': by('deploy/acme.test'),
    // Its second block is Tailscale's.
    'From files': says('It was not run here'),
    'Trust the local CA': by('real/certificates.test'),
    'Debian, Ubuntu': by('real/certificates.test'),
    'Debian, Ubuntu: take it back': by('real/certificates.test'),
    'Chromium, Chrome on Linux': by('real/certificates.test'),
    'Node.js': by('real/certificates.test'),
    'Fedora, Red Hat (not tried)': says('(not tried)'),
    'macOS (not tried)': says('(not tried)'),
    'Windows (not tried)': says('(not tried)'),
  },
  'docs/deploy/operations.md': {
    Metrics: by('real/operations.test'),
    Alerts: by('real/operations.test'),
    Traces: by('real/readme.test'),
    'Looking at everything': by('real/operations-program.test'),
    Reloading: by('real/operations-program.test'),
    Backup: by('real/operations-program.test'),
  },
  'docs/deploy/replicas.md': {
    Settings: by('support/replicas'),
    nginx: by('support/replicas'),
    HAProxy: by('support/replicas'),
  },
  'docs/deploy/enterprise-gateway.md': {
    'Kernels on other machines': says('browser ─► SPIN Runtime'),
    'Enterprise Gateway': by('support/enterprise-gateway'),
  },
  'docs/clients/agents-and-scripts.md': { 'By hand': by('real/extensions.test') },
  'docs/deploy/jupyterhub.md': {},
  'docs/clients/vscode.md': {},
  'docs/reference/settings.md': {},
  'docs/reference/cells.md': {},
  'docs/reference/errors.md': {},
  'docs/reference/metrics.md': {},
  'docs/reference/exit-statuses.md': {},
  'docs/reference/rest.md': {},
  'docs/reference/what-passes.md': {},
  'docs/deploy/capacity.md': { 'What one gateway carries': says('No test runs this') },
};

function headingsWithCode(page: string): string[] {
  const found = new Set<string>();
  let heading = '';
  for (const token of marked.lexer(read(page))) {
    if (token.type === 'heading') heading = token.text as string;
    if (token.type === 'code') found.add(heading);
  }
  return [...found];
}

for (const [page, accounts] of Object.entries(pages)) {
  t.test(`${page}: each command is run by a test, or said not to be`, async (t) => {
    t.same(headingsWithCode(page).sort(), Object.keys(accounts).sort());
    for (const [heading, account] of Object.entries(accounts)) {
      if ('says' in account) t.match(read(page), account.says, heading);
      else
        for (const name of [`'${heading}'`, `${page}'`])
          t.match(read(account.by), name, `${account.by} names ${name}`);
    }
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
