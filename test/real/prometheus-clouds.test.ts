import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startCloudFront } from '../support/cloud-front.js';
import * as clouds from '../support/clouds.js';
import { complete } from '../support/completion.js';
import { startPrometheus } from '../support/prometheus.js';
import { type Runtime, startRuntime } from '../support/runtime.js';
import { until } from '../support/until.js';

/** A real Prometheus behind a check of what each cloud asks for. */

t.setTimeout(180_000);

const NAMES = ['aws', 'role', 'azure', 'google', 'google_file'];
let runtime: Runtime;

t.before(async () => {
  const [prometheus, issuers] = await Promise.all([startPrometheus(), clouds.startIssuers(t)]);
  t.teardown(() => prometheus.close());
  const front = await startCloudFront(t, prometheus);
  const key = clouds.googleKey(`${issuers.origin}/google`);
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const keyFile = join(folder, 'key.json');
  await writeFile(keyFile, key);
  const at = (cloud: string) => `type: prometheus, url: "${front}/${cloud}", auth: ${cloud}`;
  const aws = `${at('aws')}, region: eu-west-1, access_key_id: ${clouds.AWS_KEY.id}`;
  const { tenant_id, client_id } = clouds.AZURE;
  const azure = `${at('azure')}, tenant_id: ${tenant_id}, client_id: ${client_id}, token_url: "${issuers.origin}/entra"`;
  runtime = await startRuntime(
    t,
    [
      `aws: {${aws}, secret_access_key: "{{runtime_env:AWS_KEY}}", default: true}`,
      `role: {${aws}, secret_access_key: "{{runtime_env:AWS_KEY}}", role_arn: "${clouds.ROLE}", external_id: shop, token_url: "${issuers.origin}/sts"}`,
      `azure: {${azure}, client_secret: "{{runtime_env:AZURE_SECRET}}"}`,
      `google: {${at('google')}, credentials: "{{runtime_env:GOOGLE_KEY}}"}`,
      `google_file: {${at('google')}, credentials_file: "${keyFile}"}`,
      `wrong: {${aws}, secret_access_key: "{{runtime_env:AZURE_SECRET}}"}`,
    ],
    { AWS_KEY: clouds.AWS_KEY.secret, AZURE_SECRET: clouds.AZURE.secret, GOOGLE_KEY: key },
  );
});

t.test('queries, lists and completion with the proof of each cloud', async (t) => {
  const { run, kernel } = await runtime.startKernel(t);
  for (const name of NAMES) {
    const instant = await run(`%%prometheus ${name}\nup{job="itself \\"quoted\\""}`);
    t.match(instant, { status: 'ok', error: '' }, name);
    t.match(instant.data[0]?.['text/plain'], '(1 row)');
    t.match((await run(`%%prometheus ${name} --range 5m\ncount(up)`)).status, 'ok');
    t.match((await run(`%%prometheus ${name} --list targets\n`)).data[0]?.['text/plain'], 'scrapeUrl');
    await until(async () =>
      (await complete(kernel, `%%prometheus ${name}\nprometheus_http_requests_t│`)).matches.includes(
        'prometheus_http_requests_total',
      ),
    );
  }
  const wrong = await run('%%prometheus wrong\nup');
  t.match(wrong.error, /answered 403: the service accepts the connection's credential, but/);
});

t.test('connections test makes a query', async (t) => {
  for (const name of NAMES) {
    const { origin, token } = runtime.gateway;
    const response = await fetch(`${origin}/spin/api/connections/${name}/test`, {
      method: 'POST',
      headers: { authorization: `token ${token}` },
    });
    t.match(await response.text(), /Prometheus, 1 targets in the metric up/, name);
  }
});

t.test('S10: neither keys nor what was issued for them leave the gateway', async (t) => {
  const cells = [...NAMES, 'wrong'].map((name) => `%%prometheus ${name} --out df\nup`);
  const { AWS_KEY, ROLE_KEY, AZURE, AZURE_TOKEN, GOOGLE_TOKEN } = clouds;
  const values = [AWS_KEY.secret, ROLE_KEY.secret, ROLE_KEY.token, AZURE.secret, AZURE_TOKEN, GOOGLE_TOKEN];
  t.same(await runtime.findLeaks(t, cells, values), []);
});
