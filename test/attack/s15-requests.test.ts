import t from 'tap';
import { createReadiness } from '../../gateway/proxy/upstream.js';
import { ask } from '../support/ask.js';
import { exchange, parseAnswer, plain } from '../support/edge.js';
import { startGatehouse } from '../support/gatehouse.js';
import { startTestGateway } from '../support/gateway.js';
import { startRecorder, until } from '../support/recorder.js';

t.test('S15: a login form that does not arrive is refused, and its connection closed', async (t) => {
  const gatehouse = await startGatehouse({ arrivalLimit: 200 });
  t.teardown(() => gatehouse.close());
  const form = [
    'POST /spin/login HTTP/1.1',
    `host: 127.0.0.1:${gatehouse.port}`,
    `origin: ${gatehouse.origin}`,
    'content-type: application/x-www-form-urlencoded',
  ];
  for (const [length, body] of [
    ['content-length: 100', 'token='],
    ['transfer-encoding: chunked', '6\r\ntoken=\r\n'],
  ]) {
    const { text, closed } = await exchange(
      plain(gatehouse.port),
      `${[...form, length].join('\r\n')}\r\n\r\n${body}`,
    );
    t.match(parseAnswer(text), { status: 408, code: 'REQUEST_TIMEOUT' });
    t.ok(closed, 'the connection is free for others');
  }
  t.equal((await ask(`${gatehouse.origin}/spin/login`)).status, 200);
});

t.test('S15: however many ask without a token whether Jupyter answers, it is asked once', async (t) => {
  const held: (() => void)[] = [];
  let slow = true;
  const jupyter = await startRecorder((_req, res) => {
    if (slow) held.push(() => res.end('{}'));
    else res.end('{}');
  });
  t.teardown(() => jupyter.close());
  const url = new URL(jupyter.upstream.origin);
  const gateway = await startTestGateway({
    upstream: { kind: 'http', url, token: undefined, ca: undefined },
  });
  t.teardown(() => gateway.close());
  let text = '';
  // A connection's requests are taken one after the other: each asks on one of its own.
  for (let count = 0; count < 300; count++) {
    const socket = plain(Number(gateway.gateway.url.port));
    t.teardown(() => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.write('GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n');
  }
  await until(() => held.length > 0, 'Jupyter was asked');
  const whileHeld = jupyter.requests.length;
  slow = false;
  for (const answer of held) answer();
  await until(() => text.split('HTTP/1.1 200').length === 301, 'all of them were told');
  t.equal(whileHeld, 1, 'nobody else asks while an answer is awaited');
});

t.test('readiness is asked for anew each time, and a failure to ask is a no', async (t) => {
  const jupyter = await startRecorder();
  t.teardown(() => jupyter.close());
  let up = false;
  const ready = createReadiness(() => {
    if (!up) throw new Error('none yet');
    return jupyter.upstream;
  });
  t.same(await Promise.all([ready(), ready()]), [false, false]);
  up = true;
  t.same(await Promise.all([ready(), ready()]), [true, true]);
  t.equal(jupyter.requests.length, 1);
  t.equal(await ready(), true);
  t.equal(jupyter.requests.length, 2);
});
