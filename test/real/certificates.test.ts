import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { startBrowser } from '../support/browser.js';
import { makePair } from '../support/certificate.js';
import { startRuntime } from '../support/commands.js';
import { freePort } from '../support/free-port.js';
import { blocksOf, runBlock } from '../support/page.js';
import { until } from '../support/until.js';

const PAGE = 'docs/deploy/certificates.md';
const program = fileURLToPath(new URL('../../gateway/cli.js', import.meta.url));

t.setTimeout(180_000);

/** The page's commands below a heading, one block after the other. */
async function follow(heading: string, env: Record<string, string>): Promise<string> {
  let said = '';
  for (const block of await blocksOf(PAGE, heading)) said += await runBlock(block, env);
  return said;
}

/** A gateway, and a home in which nobody trusts anything yet; its CA's certificate is where the page puts it. */
async function serve(t: Test): Promise<Record<string, string>> {
  const home = await mkdtemp(join(tmpdir(), 'spin-trust-'));
  const env = {
    HOME: home,
    SPIN_HOME: join(home, 'spin'),
    SPIN_PORT: String(await freePort()),
    SPIN_UPSTREAM: 'http://127.0.0.1:9',
    SPIN_TLS: 'required',
  };
  const gateway = spawn(process.execPath, [program], { env: { ...process.env, ...env } });
  const ended = once(gateway, 'exit');
  t.teardown(async () => {
    gateway.kill('SIGTERM');
    await ended;
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  });
  let said = '';
  gateway.stderr.resume();
  gateway.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await until(() => said.includes('SPIN Runtime is at'), 30_000);
  await follow('Trust the local CA', env);
  return env;
}

t.test('Debian’s trust store and Node.js, as the page says', async (t) => {
  const env = await serve(t);
  const curl = { language: 'sh', text: 'curl --silent --show-error "https://localhost:$SPIN_PORT/healthz"' };
  await t.rejects(runBlock(curl, env), { message: /certificate/ }, 'nobody trusts it by itself');
  t.teardown(() => follow('Debian, Ubuntu: take it back', env));
  t.match(await follow('Debian, Ubuntu', env), /ok\n$/);
  t.match(await follow('Node.js', env), /^ok\n/);
});

t.test('Chromium’s list, as the page says', async (t) => {
  const env = await serve(t);
  // Chromium takes its list from there.
  process.env.HOME = env.HOME;
  const url = `https://localhost:${env.SPIN_PORT}/spin/login`;
  const open = async () => {
    const browser = await startBrowser();
    try {
      const page = await browser.newPage();
      const answer = await page.goto(url);
      const details = await answer?.securityDetails();
      return { status: answer?.status(), issuer: details?.issuer };
    } finally {
      await browser.close();
    }
  };
  await t.rejects(open(), { message: /ERR_CERT_AUTHORITY_INVALID/ });
  await follow('Chromium, Chrome on Linux', env);
  t.match(await open(), { status: 200, issuer: /SPIN Runtime local CA/ });
  await follow('Chromium, Chrome on Linux: take it back', env);
  await t.rejects(open(), { message: /ERR_CERT_AUTHORITY_INVALID/ }, 'and taken back');
});

t.test('a certificate from files, by the page’s settings', async (t) => {
  const made = await makePair(t, ['localhost']);
  const [settings] = await blocksOf(PAGE, 'From files');
  const text = settings?.text.replace('/tls/tls.crt', made.cert).replace('/tls/tls.key', made.key);
  const port = String(await freePort());
  await startRuntime(t, `${text}\nexec node dist/gateway/cli.js`, {
    SPIN_PORT: port,
    SPIN_UPSTREAM: 'http://127.0.0.1:9',
  });
  const socket = connect({
    host: 'localhost',
    port: Number(port),
    servername: 'localhost',
    ca: made.pair.cert,
  });
  await once(socket, 'secureConnect');
  t.equal(
    socket.getPeerX509Certificate()?.fingerprint256,
    new X509Certificate(made.pair.cert).fingerprint256,
  );
  socket.destroy();
});
