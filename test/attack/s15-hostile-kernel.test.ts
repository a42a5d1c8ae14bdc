import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import t from 'tap';
import { Delivered } from '../../gateway/channel/hidden/delivered.js';
import { Redactor } from '../../gateway/channel/hidden/redact.js';
import { createAskLanguage } from '../../gateway/channel/kernels/language.js';
import { createAskLiving } from '../../gateway/channel/kernels/living.js';
import { Secret } from '../../processors/core/secret.js';
import { conversation, rewriteTo } from '../support/conversation.js';
import { frameOf, payloadOf } from '../support/frames.js';
import { redacted } from '../support/redacted.js';

const MB = 1024 * 1024;

t.test('S15: a kernel that says again and again that it starts is not asked for ever', async (t) => {
  const talk = conversation({ rewrites: { spin: () => rewriteTo('call()') } });
  talk.execute('a', 'spin');
  await talk.settled();
  const starting = { header: { msg_type: 'status' }, content: { execution_state: 'starting' } };
  for (let times = 0; times < 1000; times++) talk.kernel('iopub', starting);
  await talk.settled();
  t.equal(talk.ran().length, 10);
  t.match(
    talk.toClient.find(({ header }) => header.msg_type === 'execute_reply'),
    { parent: { msg_id: 'a' }, content: { status: 'aborted' } },
    'the client is told',
  );
});

t.test('S15: streams that end like a value are not kept without bound', async (t) => {
  const delivered = new Delivered();
  delivered.add([new Secret('Z-a-secret-value')]);
  const redact = new Redactor(delivered);
  const shown: string[] = [];
  for (let each = 0; each < 20; each++) {
    const payload = payloadOf('v1', 'iopub', {
      header: { msg_type: 'stream' },
      parent_header: { msg_id: `cell ${each}` },
      metadata: { padding: 'x'.repeat(5 * MB) },
      content: { name: 'stdout', text: `${each}Z-a` },
    });
    for (const sent of redacted(redact, 'v1', payload))
      shown.push(JSON.parse(frameOf('v1', sent).text('content')).text);
  }
  t.same(shown.filter((text) => text !== 'Z-a').length, 20, 'what can be shown is');
  t.equal(shown.filter((text) => text === 'Z-a').length, 14, 'six of 5 MiB may wait');
  t.equal(redact.releaseAll().length, 6);
});

t.test('S15: one large message may wait for the next, and its value is hidden', async (t) => {
  const delivered = new Delivered();
  delivered.add([new Secret('Z-a-secret-value')]);
  const redact = new Redactor(delivered);
  const say = (text: string) => {
    const payload = payloadOf('v1', 'iopub', {
      header: { msg_type: 'stream' },
      parent_header: { msg_id: 'cell' },
      content: { name: 'stdout', text },
    });
    const sent = redacted(redact, 'v1', payload);
    return sent.map((each) => JSON.parse(frameOf('v1', each).text('content')).text).join('');
  };
  const long = 'x'.repeat(40 * MB);
  t.ok(say(`${long}Z-a-sec`) === long);
  t.equal(say('ret-value.'), '***.');
});

t.test('S15: a msg_id that would be kept for every running cell has a bound', async (t) => {
  const talk = conversation();
  talk.execute('i'.repeat(1024), 'plain');
  t.throws(() => talk.execute('i'.repeat(1025), 'plain'), { code: 'MALFORMED_FRAME', closeCode: 1007 });
  t.equal(talk.ran().length, 1);
});

t.test('S15: an answer of Jupyter to the gateway itself is not read without bound', async (t) => {
  let sent = 0;
  const jupyter = createServer((_req, res) => {
    const more = () => {
      while (!res.destroyed && res.write(Buffer.alloc(MB, ' '))) sent++;
    };
    res.on('drain', more).on('error', () => {});
    more();
  });
  jupyter.listen(0, '127.0.0.1');
  await once(jupyter, 'listening');
  t.teardown(() => {
    jupyter.closeAllConnections();
    jupyter.close();
  });
  const origin = `http://127.0.0.1:${(jupyter.address() as AddressInfo).port}`;
  const upstream = { origin, basePath: '', socketPath: undefined, token: undefined, ca: undefined };
  await t.rejects(createAskLanguage(() => upstream)('kernel'), { code: 'UPSTREAM_REFUSED' });
  await t.rejects(createAskLiving(() => upstream)(), { code: 'UPSTREAM_REFUSED' });
  t.ok(sent < 200, `${sent} MiB`);
});

t.test('S10: what a kernel calls its status stands in no log', async (t) => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const talk = conversation({ log });
  for (const [id, status] of [
    ['a', 'canary-value'],
    ['b', 'ok'],
  ] as const) {
    talk.execute(id, 'plain');
    talk.kernel('shell', {
      header: { msg_type: 'execute_reply' },
      parent_header: { msg_id: id },
      content: { status },
    });
  }
  const found = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'cell');
  t.same(
    found.map(({ status }) => status),
    ['other', 'ok'],
  );
  t.notMatch(lines.join(''), 'canary');
});
