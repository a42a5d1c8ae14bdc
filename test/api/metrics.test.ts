import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { ask, askUpgrade, NAVIGATION } from '../support/ask.js';
import { startTestGateway, TOKEN } from '../support/gateway.js';

const METRICS_TOKEN = 'metrics-token-0123456789';

t.test('metrics', async (t) => {
  let reached = 0;
  const upstream = createServer((_req, res) => {
    reached++;
    res.end('{}');
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const url = new URL(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
  const gateway = await startTestGateway({
    upstream: { kind: 'http', url, token: undefined, ca: undefined },
    metricsToken: new Secret(METRICS_TOKEN),
  });
  t.teardown(async () => {
    await gateway.close();
    upstream.closeAllConnections();
    upstream.close();
  });
  const get = (path: string, token: string | undefined, headers: Record<string, string> = {}) =>
    ask(gateway.origin + path, {
      headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    });

  t.test('S1: are for a token only', async (t) => {
    t.equal((await get('/spin/metrics', undefined)).status, 401);
    t.equal((await get('/spin/metrics', 'wrong')).status, 403);
    for (const token of [TOKEN, METRICS_TOKEN]) {
      const answer = await get('/spin/metrics', token);
      t.equal(answer.status, 200);
      t.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
      t.match(answer.body, /^spin_build_info\{version="\d+\.\d+\.\d+",node="/m);
    }
  });

  t.test('S1, S3: the token for metrics opens nothing else, and begins no session', async (t) => {
    reached = 0;
    for (const path of [
      '/',
      '/lab',
      '/metrics',
      '/api/kernels',
      '/spin/api/connections',
      '/spin/metrics/x',
      '/SPIN/metrics',
    ])
      t.equal((await get(path, METRICS_TOKEN)).status, 403, path);
    const { status, headers } = await ask(`${gateway.origin}/spin/metrics?token=${METRICS_TOKEN}`, {
      headers: NAVIGATION,
    });
    t.equal(status, 403, 'as a parameter');
    t.equal(headers['set-cookie'], undefined);
    const authorization = { authorization: `Bearer ${METRICS_TOKEN}` };
    t.equal((await askUpgrade(`${gateway.origin}/api/kernels/1/channels`, authorization)).status, 403);
    t.equal((await askUpgrade(`${gateway.origin}/spin/metrics`, authorization)).status, 403);
    t.equal(reached, 0);
  });

  t.test('S10, S15: no word of a request becomes a label', async (t) => {
    const canary = 'canary8472';
    await get(`/${canary}?x=${canary}`, TOKEN, { 'user-agent': canary, 'x-request-id': canary });
    await get(`/spin/${canary}`, TOKEN);
    await get('/', canary);
    await ask(`${gateway.origin}/`, { headers: { host: `${canary}.example` } });
    const { body } = await get('/spin/metrics', TOKEN);
    t.notMatch(body, canary);
    t.match(body, /^spin_http_requests_total\{route="jupyter",status="200"\} 1$/m);
    t.match(body, /^spin_http_requests_total\{route="spin",status="404"\} 1$/m);
    t.match(body, /^spin_refusals_total\{reason="HOST_NOT_ALLOWED"\} 1$/m);
    t.match(body, /^spin_refusals_total\{reason="NOT_FOUND"\} 1$/m);
    t.match(body, /^spin_logins_total\{carrier="header",outcome="failure"\} /m);
  });

  t.test('say what is: Jupyter, the certificate, the catalogue, sockets', async (t) => {
    const { body } = await get('/spin/metrics', TOKEN);
    t.match(body, /^spin_upstream_up 1$/m);
    const expiry = Number(/^spin_certificate_expiry_timestamp_seconds (\S+)$/m.exec(body)?.[1]);
    t.ok(expiry > Date.now() / 1000 && expiry < Date.now() / 1000 + 900 * 86_400, `${expiry}`);
    t.match(body, /^spin_catalogue_last_load_successful 1$/m);
    t.match(body, /^spin_websockets\{kind="kernel"\} 0$/m);
    t.match(body, /^process_resident_memory_bytes \d+$/m);
  });

  t.test('S2: who guesses there is throttled like anywhere', async (t) => {
    const guesses = Array.from({ length: 15 }, (_, i) => get('/spin/metrics', `guess-${i}`));
    const answers = await Promise.all(guesses);
    t.ok(answers.some(({ status }) => status === 429));
    t.equal((await get('/spin/metrics', METRICS_TOKEN)).status, 429, 'also with the right one');
    t.match(gateway.log(), 'too many failures');
  });
});
