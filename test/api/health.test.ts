import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { sendHealth, sendReadiness } from '../../gateway/api/health.js';
import { ask } from '../support/ask.js';

t.test('health', async (t) => {
  let ready = async () => true;
  const server = createServer((req, res) => {
    if (req.url === '/healthz') sendHealth(res);
    else void sendReadiness(res, () => ready());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  t.test('whether the gateway lives can be read from anywhere, and nothing else', async (t) => {
    const answer = await ask(`${origin}/healthz`, { headers: { origin: 'https://anywhere.example' } });
    t.equal(answer.status, 200);
    t.equal(answer.headers['access-control-allow-origin'], '*');
    t.equal(answer.body, 'ok\n');
  });

  t.test('whether Jupyter can be reached is a status', async (t) => {
    t.equal((await ask(`${origin}/readyz`)).status, 200);
    ready = async () => false;
    t.equal((await ask(`${origin}/readyz`)).status, 503);
  });

  t.test('a question that fails is a no', async (t) => {
    ready = () => Promise.reject(new Error('secret detail'));
    const answer = await ask(`${origin}/readyz`);
    t.equal(answer.status, 503);
    t.notMatch(answer.body, 'secret');
  });
});
