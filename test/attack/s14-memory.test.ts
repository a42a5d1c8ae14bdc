import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { V1_PROTOCOL } from '../../gateway/channel/wire/codec.js';
import { checkJson } from '../../gateway/channel/wire/json-check.js';
import { parseJson } from '../../gateway/channel/wire/json-text.js';
import { encodeV1 } from '../../gateway/channel/wire/v1.js';
import { type FakeKernel, KERNEL, startFakeKernel } from '../support/fake-kernel.js';
import { TOKEN } from '../support/gateway.js';
import { until } from '../support/until.js';

const MIB = 1024 * 1024;
/** A gateway on a machine of one or two GB has no more; one frame's objects took three times as much. */
const HEAP_MB = 384;

/** As many objects as there is room for. */
const objects = (size: number) => `[${'{},'.repeat(size / 3)}{}]`;
const members = (size: number) =>
  `{${Array.from({ length: size / 12 }, (_, index) => `"${String(index).padStart(7, '0')}":1`).join()}}`;
const header = (type: string) => `{"msg_id":"m-1","msg_type":"${type}","session":"s-1"}`;

const v1 = (type: string, content: string) => encodeV1(['shell', header(type), '{}', '{}', content], []);
const legacy = (type: string, content: string) =>
  Buffer.from(
    `{"channel":"shell","header":${header(type)},"parent_header":{},"metadata":{},"content":${content},"buffers":[]}`,
  );
const cell = (filling: string) => `{"code":"1","x":${filling}}`;
const reply = (filling: string) => `{"status":"ok","x":${filling}}`;

/** A message with a buffer of no bytes for every few of the frame's. */
function manyBuffers(wire: 'v1' | 'legacy', size: number): Buffer {
  if (wire === 'v1') {
    return encodeV1(
      ['shell', header('execute_reply'), '{}', '{}', '{}'],
      Array(size / 8).fill(Buffer.alloc(0)),
    );
  }
  const json = legacy('execute_request', '{"code":"1"}');
  const count = size / 4;
  const head = Buffer.alloc(4 * (1 + count), 0);
  head.writeUInt32BE(count);
  for (let index = 0; index < count; index++)
    head.writeUInt32BE(head.length + (index === 0 ? 0 : json.length), 4 * (1 + index));
  return Buffer.concat([head, json]);
}

interface Scene {
  readonly fake: FakeKernel;
  readonly gateway: ChildProcess;
  connect(wire: 'v1' | 'legacy'): Promise<{ client: WebSocket; kernel: WebSocket }>;
}

async function scene(t: Test): Promise<Scene> {
  const fake = await startFakeKernel();
  t.teardown(() => fake.close());
  const url = fake.config.kind === 'http' ? fake.config.url.href : '';
  const program = fileURLToPath(new URL('../support/gateway-process.js', import.meta.url));
  const gateway = fork(program, [url], {
    execArgv: [`--max-old-space-size=${HEAP_MB}`],
    stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
  });
  t.teardown(() => gateway.kill());
  const [port] = (await once(gateway, 'message')) as [number];
  return {
    fake,
    gateway,
    async connect(wire) {
      const accepted = fake.accepted();
      const client = new WebSocket(
        `ws://127.0.0.1:${port}/api/kernels/${KERNEL}/channels`,
        wire === 'v1' ? [V1_PROTOCOL] : [],
        { headers: { authorization: `token ${TOKEN}` }, maxPayload: 512 * MIB },
      );
      client.on('error', () => {});
      t.teardown(() => client.terminate());
      const [kernel] = await Promise.all([accepted, once(client, 'open')]);
      return { client, kernel };
    },
  };
}

async function livesOn(t: Test, gateway: ChildProcess): Promise<void> {
  gateway.send('?');
  await Promise.race([once(gateway, 'message'), once(gateway, 'exit')]);
  t.equal(gateway.exitCode ?? gateway.signalCode, null, 'the gateway lives on');
}

t.test('S14: no message of a client takes more memory than the gateway has', async (t) => {
  const { fake, gateway, connect } = await scene(t);
  for (const [wire, frame] of [
    ['v1', v1('execute_request', cell(objects(9 * MIB)))],
    ['v1', v1('execute_request', cell(objects(28 * MIB)))],
    ['legacy', legacy('execute_request', cell(objects(28 * MIB)))],
  ] as const) {
    const { client } = await connect(wire);
    const before = fake.received.length;
    client.send(frame, { binary: wire === 'v1' });
    await Promise.race([until(() => fake.received.length > before, 25_000), once(gateway, 'exit')]);
    await livesOn(t, gateway);
    client.terminate();
  }
  const { client } = await connect('legacy');
  client.send(manyBuffers('legacy', 28 * MIB));
  const [code, reason] = (await once(client, 'close')) as [number, Buffer];
  t.match([code, String(reason)], [1007, /at most 100000 buffers/]);
  await livesOn(t, gateway);
});

t.test('S14: no message of a kernel takes more memory than the gateway has', async (t) => {
  const { gateway, connect } = await scene(t);
  for (const [wire, frame] of [
    ['v1', v1('execute_reply', reply(objects(90 * MIB)))],
    ['legacy', legacy('execute_reply', reply(objects(30 * MIB)))],
  ] as const) {
    const { client, kernel } = await connect(wire);
    const arrives = once(client, 'message');
    kernel.send(frame, { binary: wire === 'v1' });
    const [data] = (await Promise.race([arrives, once(client, 'close')])) as [Buffer];
    t.ok(frame.equals(data), `${wire}: it passes as it is`);
    await livesOn(t, gateway);
  }
  for (const [wire, frame] of [
    ['v1', manyBuffers('v1', 90 * MIB)],
    ['v1', v1('execute_reply', members(60 * MIB))],
  ] as const) {
    const { client, kernel } = await connect(wire);
    kernel.send(frame, { binary: wire === 'v1' });
    const [code] = (await once(client, 'close')) as [number];
    t.equal(code, 1007);
    await livesOn(t, gateway);
  }
});

t.test('what is checked without being built is what the parser takes', async (t) => {
  const texts = [
    '{}',
    '[]',
    '1',
    '-0.5e+3',
    '"a\\u00e9"',
    'null',
    'true',
    ' [ 1 , {"a" : [ ] } ] ',
    '{"a":NaN,"b":[-Infinity,Infinity]}',
    '{"a":{"b":{}},"c":[[],[{}]]}',
    '',
    ' ',
    '{',
    '}',
    '[1,]',
    '[,]',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{a:1}',
    '01',
    '1.',
    '+1',
    '.5',
    '"\n"',
    '"\\x"',
    '"',
    '[1 2]',
    '{"a":1 "b":2}',
    '[1]]',
    '{}{}',
    '[}',
    '{]',
    'nul',
    'NaNa',
    '-',
    '-NaN',
    '1e',
    '{"a":1]',
    '[{"a":1}',
    'truefalse',
    '\ufeff{}',
    '{1:2}',
  ];
  const takes = (read: (text: string) => unknown, text: string) => {
    try {
      read(text);
      return true;
    } catch {
      return false;
    }
  };
  for (const text of texts) t.equal(takes(checkJson, text), takes(parseJson, text), text);
});
