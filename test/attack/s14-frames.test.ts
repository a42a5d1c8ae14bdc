import { once } from 'node:events';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { V1_PROTOCOL } from '../../gateway/channel/wire/codec.js';
import { REF } from '../support/canary.js';
import {
  answerCompanion,
  companionIn,
  type FakeKernel,
  KERNEL,
  type Received,
  startFakeKernel,
} from '../support/fake-kernel.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { until } from '../support/until.js';

const HEADER =
  '{"msg_id":"m-1","msg_type":"execute_request","session":"s-1","username":"é","date":"","version":"5.4"}';
const CONTENT = '{"code":"x = \\"é—\\\\u00fc\\"","silent":false,"n":1.0,"deep":[{"a":[1,{"b":null}]}]}';
const PARTS: readonly string[] = [HEADER, '{}', '{"m":[1,2]}', CONTENT];

/** Frames by hand, from the documentation of the websocket protocols. */
function v1(parts: readonly string[], channel = 'shell'): Buffer {
  const pieces = [channel, ...parts, 'buffer\0one', ''].map((piece) => Buffer.from(piece));
  const head = Buffer.alloc(8 * (pieces.length + 2));
  head.writeBigUInt64LE(BigInt(pieces.length + 1));
  let end = head.length;
  for (const [index, piece] of pieces.entries()) {
    head.writeBigUInt64LE(BigInt(end), 8 * (index + 1));
    end += piece.length;
  }
  head.writeBigUInt64LE(BigInt(end), 8 * (pieces.length + 1));
  return Buffer.concat([head, ...pieces]);
}

function legacy([header, parent, metadata, content]: readonly string[], channel = 'shell'): Buffer {
  return Buffer.from(
    `{"channel":"${channel}","header":${header},"parent_header":${parent},"metadata":${metadata},"content":${content},"buffers":[]}`,
  );
}

function legacyBinary(parts: readonly string[], channel = 'shell'): Buffer {
  const pieces = [legacy(parts, channel), Buffer.from('buffer\0one'), Buffer.alloc(0)];
  const head = Buffer.alloc(4 * (pieces.length + 1));
  head.writeUInt32BE(pieces.length);
  let end = head.length;
  for (const [index, piece] of pieces.entries()) {
    head.writeUInt32BE(end, 4 * (index + 1));
    end += piece.length;
  }
  return Buffer.concat([head, ...pieces]);
}

const encodings = {
  v1: { protocols: [V1_PROTOCOL], binary: true, make: v1, word: 8 },
  'legacy text': { protocols: [], binary: false, make: legacy, word: 1 },
  'legacy binary': { protocols: [], binary: true, make: legacyBinary, word: 4 },
};
type Encoding = keyof typeof encodings;

const SENTINEL = HEADER.replace('m-1', 'sentinel').replace('execute_request', 'kernel_info_request');

/** A frame that differs from a valid one in some way; wherever it is cut, changed or filled. */
function mutations(encoding: Encoding): fc.Arbitrary<Buffer> {
  const { make, word } = encodings[encoding];
  const good = make(PARTS);
  const wild = [
    '[]',
    '"x"',
    '1',
    'null',
    '',
    '{',
    '{}}',
    '{"a":tru}',
    '\ud800',
    '{"msg_type":1,"msg_id":[]}',
    '[{}]',
  ];
  const part = fc.tuple(fc.nat(3), fc.constantFrom(...wild)).map(([at, text]) => make(PARTS.with(at, text)));
  const cut = fc.nat(good.length - 1).map((end) => good.subarray(0, end));
  const longer = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more) => Buffer.concat([good, more]));
  const bytes = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const copy = Buffer.from(good);
      for (const [at, value] of changes) copy[at] = value;
      return copy;
    });
  const special = [
    0n,
    1n,
    7n,
    BigInt(good.length),
    BigInt(good.length + 1),
    0xffffffffn,
    1n << 53n,
    (1n << 64n) - 1n,
  ];
  const offset = fc.tuple(fc.nat(8), fc.constantFrom(...special)).map(([at, value]) => {
    const copy = Buffer.from(good);
    if (word === 8) copy.writeBigUInt64LE(value, 8 * at);
    else copy.writeUInt32BE(Number(value & 0xffffffffn), 4 * Math.min(at, 3));
    return copy;
  });
  const channel = fc
    .constantFrom('iopub', '', 'Shell', 'heartbeat', 'shell\0')
    .map((name) => make(PARTS, name));
  const noise = fc.uint8Array({ maxLength: 200 }).map((data) => Buffer.from(data));
  return fc.oneof(fc.constant(good), part, cut, longer, bytes, offset, channel, noise);
}

/** Reads a frame as strictly as its specification, with none of the gateway's code. @throws {Error} when it isn't one */
function read(wire: Encoding, { data, binary }: Received): void {
  if (wire === 'v1') {
    const count = Number(data.readBigUInt64LE());
    const offsets = Array.from({ length: count }, (_, index) =>
      Number(data.readBigUInt64LE(8 * (index + 1))),
    );
    const [, ...json] = offsets.slice(0, 5).map((start, index) => data.subarray(start, offsets[index + 1]));
    for (const text of json) object(text);
    if (offsets.at(-1) !== data.length) throw new Error('the last offset');
    return;
  }
  const start = binary ? data.readUInt32BE(4) : 0;
  const end = binary && data.readUInt32BE() > 1 ? data.readUInt32BE(8) : data.length;
  object(data.subarray(start, end));
}

function object(text: Buffer): void {
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('no object');
}

async function connect(t: Test | undefined, gateway: TestGateway, encoding: Encoding): Promise<WebSocket> {
  const { protocols } = encodings[encoding];
  const url = `${gateway.origin.replace('http', 'ws')}/api/kernels/${KERNEL}/channels`;
  const socket = new WebSocket(url, protocols, { headers: { authorization: `token ${gateway.token}` } });
  socket.on('error', () => {});
  t?.teardown(() => socket.terminate());
  await once(socket, 'open');
  return socket;
}

/** A gateway before a fake kernel that echoes, and a connection that has to live on through everything. */
async function scene(t: Test): Promise<{ fake: FakeKernel; gateway: TestGateway; livesOn(): Promise<void> }> {
  const fake = await startFakeKernel((socket) =>
    socket.on('message', (data: Buffer, binary) => {
      if (data.includes('lives-on')) socket.send(data, { binary });
      const companion = companionIn(socket, data, binary);
      if (companion !== undefined) answerCompanion(socket, companion);
    }),
  );
  const gateway = await startTestGateway({ upstream: fake.config, env: { KEY: 'value' } });
  t.teardown(async () => {
    await gateway.close();
    await fake.close();
  });
  const steady = await connect(t, gateway, 'v1');
  let count = 0;
  return {
    fake,
    gateway,
    async livesOn() {
      const mine = Buffer.from(v1([SENTINEL.replace('sentinel', `lives-on-${++count}`), '{}', '{}', '{}']));
      const echoed = once(steady, 'message');
      steady.send(mine);
      const [back] = (await echoed) as [Buffer];
      if (!mine.equals(back)) throw new Error('the other connection got something else');
    },
  };
}

for (const encoding of Object.keys(encodings) as Encoding[]) {
  t.test(`S14: a malformed ${encoding} frame of a client ends its own connection only`, async (t) => {
    const { fake, gateway, livesOn } = await scene(t);
    const { binary, make } = encodings[encoding];
    const endings = new Map<number, number>();
    let passed = 0;
    await fc.assert(
      fc.asyncProperty(mutations(encoding), async (data) => {
        const before = fake.received.length;
        const socket = await connect(undefined, gateway, encoding);
        const closed = once(socket, 'close') as Promise<[number, Buffer]>;
        const ended = closed.then(([code, reason]) => ({ code, reason: String(reason) }));
        socket.send(data, { binary });
        socket.send(make([SENTINEL, '{}', '{}', '{}']), { binary });
        const through = until(() =>
          fake.received.slice(before).some((frame) => frame.data.includes('sentinel')),
        );
        const end = await Promise.race([ended, through.then(() => undefined)]);
        socket.terminate();
        if (end) {
          through.catch(() => {});
          endings.set(end.code, (endings.get(end.code) ?? 0) + 1);
          if (![1003, 1007, 1009].includes(end.code)) throw new Error(`closed with ${end.code}`);
          if (!/^[A-Z].{10,}\.$/.test(end.reason)) throw new Error(`no sentence: ${end.reason}`);
          if (fake.received.length > before) throw new Error('something reached the kernel');
        } else {
          passed++;
          const [first] = fake.received.slice(before);
          if (!first?.data.equals(data)) throw new Error('what passed is not what was sent');
        }
        for (const frame of fake.received.slice(before)) read(encoding, frame);
      }),
      { numRuns: 250 },
    );
    t.ok((endings.get(1007) ?? 0) > 50, `closed: ${JSON.stringify([...endings])}, passed: ${passed}`);
    t.ok(passed > 0, 'what is still valid passes');
    await livesOn();
  });

  t.test(`S14: a malformed ${encoding} frame of a kernel ends its own connection only`, async (t) => {
    const { fake, gateway, livesOn } = await scene(t);
    const { binary } = encodings[encoding];
    let closedCount = 0;
    await fc.assert(
      fc.asyncProperty(mutations(encoding), async (data) => {
        const accepted = fake.accepted();
        const socket = await connect(undefined, gateway, encoding);
        const kernel = await accepted;
        const closed = once(socket, 'close') as Promise<[number, Buffer]>;
        const got = once(socket, 'message').then(() => undefined);
        kernel.send(data, { binary });
        const end = await Promise.race([closed, got]);
        socket.terminate();
        if (!end) return;
        closedCount++;
        if (end[0] !== 1007) throw new Error(`closed with ${end[0]}`);
        if (!/^[A-Z].{10,}\.$/.test(String(end[1]))) throw new Error(`no sentence: ${end[1]}`);
      }),
      { numRuns: 120 },
    );
    t.ok(closedCount > 20);
    await livesOn();
  });
}

/** What is closed, and how, when a client of a v1 connection sends one thing. */
async function closing(t: Test, gateway: TestGateway, data: Buffer | string, encoding: Encoding = 'v1') {
  const socket = await connect(t, gateway, encoding);
  const closed = once(socket, 'close') as Promise<[number, Buffer]>;
  socket.send(data);
  const [code, reason] = await closed;
  return [code, String(reason)];
}

t.test('S14: a kind of frame that the protocol has not closes 1003; what is too large 1009', async (t) => {
  const { gateway, livesOn } = await scene(t);
  t.match(await closing(t, gateway, legacy(PARTS).toString()), [1003, /binary frames only/]);
  t.match(await closing(t, gateway, ''), [1003, /binary frames only/]);
  t.match(await closing(t, gateway, Buffer.alloc(0)), [1007, /offsets/]);
  t.match(await closing(t, gateway, '', 'legacy text'), [1007, /not a JSON object/]);
  t.match(await closing(t, gateway, Buffer.alloc(0), 'legacy binary'), [1007, /offsets/]);
  t.match(await closing(t, gateway, Buffer.alloc(40 * 1024 * 1024)), [1009, /larger than 10 MiB/]);
  await livesOn();
});

t.test('S14: text that is not UTF-8 ends the connection, whoever sends it', async (t) => {
  const { fake, gateway, livesOn } = await scene(t);
  const bad = Buffer.from(legacy(PARTS).toString('latin1').replace('"code":"x', '"code":"\xff'), 'latin1');
  for (const from of ['kernel', 'client']) {
    const accepted = fake.accepted();
    const socket = await connect(t, gateway, 'legacy text');
    const closed = once(socket, 'close') as Promise<[number, Buffer]>;
    (from === 'kernel' ? await accepted : socket).send(bad, { binary: false });
    const [code, reason] = await closed;
    t.match([code, String(reason)], [1007, 'A text frame is not UTF-8.'], from);
  }
  await livesOn();
});

t.test(
  'S14: JSON that nests deeper than any stack passes, or becomes an error, and crashes nothing',
  async (t) => {
    const { fake, gateway, livesOn } = await scene(t);
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const nested = `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`;
    const code = JSON.stringify(`"${REF}"`);
    for (const encoding of Object.keys(encodings) as Encoding[]) {
      const { make, binary } = encodings[encoding];
      const socket = await connect(t, gateway, encoding);
      const frames = [
        [HEADER, '{}', '{}', `{"code":"1","x":${deep}}`],
        [HEADER, '{}', `{"x":${nested}}`, `{"code":${code},"user_expressions":${nested}}`],
        [HEADER, '{}', `{"spin":{"cell":"shell","options":{"timeout":${nested}}}}`, '{"code":"ls"}'],
        [HEADER.replace('{', `{"x":${deep},`), nested, '{}', `{"code":${code}}`],
        [SENTINEL, '{}', '{}', '{}'],
      ];
      const before = fake.received.length;
      for (const parts of frames) socket.send(make(parts), { binary });
      const isLast = ({ data }: Received) => data.includes('sentinel');
      await until(() => fake.received.slice(before).some(isLast));
      t.equal(socket.readyState, WebSocket.OPEN);
      const cells = fake.received.slice(before).filter(({ data }) => !data.includes('"silent":true'));
      t.equal(cells.length, frames.length, 'every request reached the kernel, as it is or as an error');
      for (const frame of cells) read(encoding, frame);
    }
    await livesOn();
  },
);

/** Quotes that close nothing, and space that ends nowhere: each once took a look at all that follows, for every one. */
const ENDLESS: Readonly<Record<string, string>> = {
  quotes: `{${'\\"'.repeat(400_000)}`,
  spaces: `{"a":1${' '.repeat(8_000_000)},}`,
};

for (const [what, content] of Object.entries(ENDLESS)) {
  t.test(`S14: a frame full of ${what} is read once, whoever sends it`, async (t) => {
    const { fake, gateway, livesOn } = await scene(t);
    for (const encoding of Object.keys(encodings) as Encoding[]) {
      const { make, binary } = encodings[encoding];
      for (const from of ['client', 'kernel']) {
        const accepted = fake.accepted();
        const socket = await connect(t, gateway, encoding);
        const closed = once(socket, 'close') as Promise<[number, Buffer]>;
        const reply = HEADER.replace('execute_request', 'execute_reply');
        if (from === 'client') socket.send(make([HEADER, '{}', '{}', content]), { binary });
        else (await accepted).send(make([reply, '{}', '{}', content]), { binary });
        const [code] = await closed;
        t.equal(code, 1007, `${encoding}, from the ${from}`);
      }
    }
    await livesOn();
  });
}

t.test('S13: of a refused cell neither its expressions nor its size reaches the kernel', async (t) => {
  const { fake, gateway, livesOn } = await scene(t);
  const large = JSON.stringify('y'.repeat(12 * 1024 * 1024));
  for (const parts of [
    [HEADER, '{}', '{}', `{"code":"1","user_expressions":{"a":${large}}}`],
    [HEADER, '{}', `{"a":${large}}`, '{"code":"1"}'],
    [HEADER, '{}', '{}', `{"code":${large}}`],
  ]) {
    const socket = await connect(t, gateway, 'v1');
    const before = fake.received.length;
    socket.send(v1(parts));
    await until(() => fake.received.length > before);
    t.ok((fake.received.at(-1)?.data.length ?? 0) < 5_000);
    t.notMatch(String(fake.received.at(-1)?.data), 'yyyy');
  }
  t.match(
    await closing(
      t,
      gateway,
      v1([HEADER.replace('é', 'y'.repeat(12 * 1024 * 1024)), '{}', '{}', '{"code":"1"}']),
    ),
    [1009, /larger than 10 MiB/],
  );
  await livesOn();
});
