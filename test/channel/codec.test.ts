import fc from 'fast-check';
import t from 'tap';
import { decode, decodeStrictly, encode, type Wire } from '../../gateway/channel/wire/codec.js';
import { GatewayError } from '../../gateway/errors.js';
import { bytesOf, frameOf, payloadOf } from '../support/frames.js';

const parts = {
  header: '{"msg_id":"a"}',
  parent_header: '{}',
  metadata: '{}',
  content: '{"n":1.0,"big":12345678901234567890}',
};

/** A v1 frame by hand, from the specification: count, offsets, then the pieces. */
function v1(pieces: string[]): Buffer {
  const body = pieces.map((piece) => Buffer.from(piece));
  const words = [BigInt(body.length + 1)];
  let offset = 8 * (body.length + 2);
  for (const piece of body) {
    words.push(BigInt(offset));
    offset += piece.length;
  }
  words.push(BigInt(offset));
  return Buffer.concat([Buffer.from(new BigUint64Array(words).buffer), ...body]);
}

const pieces = ['shell', parts.header, parts.parent_header, parts.metadata, parts.content];

t.test('v1: locates every part of a frame made by hand', async (t) => {
  const frame = decode('v1', v1([...pieces, 'buffer one', '']), true);
  t.equal(frame.channel, 'shell');
  t.equal(frame.text('header'), parts.header);
  t.equal(frame.text('content'), parts.content);
  t.same(frame.buffers().map(String), ['buffer one', '']);
});

t.test('v1: what the gateway writes is what the specification says', async (t) => {
  t.same(encode('v1', 'shell', parts), { data: v1(pieces), binary: true });
});

t.test('v1: a replaced part leaves all other bytes as they came', async (t) => {
  const frame = decode('v1', v1([...pieces, '\u0000\u0001']), true);
  const changed = ['shell', parts.header, parts.parent_header, '{"spin":{}}', '{"code":"x"}', '\u0000\u0001'];
  t.same(frame.replace({ content: '{"code":"x"}', metadata: '{"spin":{}}' }).data, v1(changed));
});

const good = v1(pieces);
const broken: [string, Buffer][] = [
  ['an empty frame', Buffer.alloc(0)],
  ['a cut head', good.subarray(0, 20)],
  ['a cut body', good.subarray(0, good.length - 1)],
  ['bytes after the end', Buffer.concat([good, Buffer.from('x')])],
  ['too few parts', v1(pieces.slice(0, 4))],
  ['a huge count', patched(good, 0, 0xffffffffffffffffn)],
  ['a first offset inside the head', patched(good, 8, 8n)],
  ['offsets out of order', patched(good, 24, 60n)],
  ['an offset beyond 32 bits', patched(good, 24, 0x1_0000_0040n)],
  ['an unknown channel', v1(['shelx', ...pieces.slice(1)])],
];

function patched(frame: Buffer, at: number, value: bigint): Buffer {
  const copy = Buffer.from(frame);
  copy.writeBigUInt64LE(value, at);
  return copy;
}

for (const [name, data] of broken) {
  t.test(`v1: refuses ${name}`, async (t) => {
    t.throws(() => decode('v1', data, true), { code: 'MALFORMED_FRAME', closeCode: 1007 });
  });
}

const withBadBytes = Buffer.from(good.toString('latin1').replace('msg_id', 'msg\xffid'), 'latin1');

t.test(
  'v1: a client part that is not UTF-8 is refused, a kernel one is read as far as it can be',
  async (t) => {
    t.throws(() => decodeStrictly('v1', withBadBytes, true), { code: 'MALFORMED_FRAME' });
    t.equal(decode('v1', withBadBytes, true).text('header'), '{"msg\ufffdid":"a"}');
  },
);

t.test('strictly: every part has to be a JSON object, as Python reads it', async (t) => {
  const broken = ['{"a":}', '[1]', '"x"', '', '{"a":1}}', '{"a":01}', '{"a":NaN1}', 'NaN'];
  for (const at of [1, 2, 3, 4]) {
    for (const text of broken) {
      const frame = v1(pieces.map((piece, index) => (index === at ? text : piece)));
      t.throws(() => decodeStrictly('v1', frame, true), { code: 'MALFORMED_FRAME' }, `${text} in part ${at}`);
    }
    const frame = v1(
      pieces.map((piece, index) => (index === at ? '{"NaN":[NaN,-Infinity,"NaN\\""]}' : piece)),
    );
    t.ok(decodeStrictly('v1', frame, true));
  }
});

t.test('v1: refuses a text frame as a kind of data that the protocol has not', async (t) => {
  t.throws(() => decode('v1', Buffer.from('{}'), false), { code: 'UNSUPPORTED_FRAME', closeCode: 1003 });
});

const legacyText =
  '{ "buffers": [], "content": {"n": 1.0, "v": NaN, "s": "a\\"}"}, "channel": "iopub", "header": {"msg_id": "a"} , "parent_header": {}, "metadata": {} }';

t.test('legacy: locates parts in any order, also where Python wrote NaN', async (t) => {
  const frame = decode('legacy', Buffer.from(legacyText), false);
  t.equal(frame.channel, 'iopub');
  t.equal(frame.text('header'), '{"msg_id": "a"}');
  t.equal(frame.text('content'), '{"n": 1.0, "v": NaN, "s": "a\\"}"}');
});

t.test('legacy, strictly: what stands beside the parts has to be JSON too', async (t) => {
  for (const wrong of ['[oops]', '01', '"a\nb"', '{"a" 1}']) {
    const text = legacyText.replace('"buffers": []', `"buffers": ${wrong}`);
    t.ok(decode('legacy', Buffer.from(text), false), 'of a kernel it is read as far as it can be');
    t.throws(() => decodeStrictly('legacy', Buffer.from(text), false), { code: 'MALFORMED_FRAME' }, wrong);
  }
});

t.test('legacy: a replaced part leaves all other text as it came', async (t) => {
  const frame = decode('legacy', Buffer.from(legacyText), false);
  const { data } = frame.replace({ metadata: '{"a":1}' });
  t.equal(data, legacyText.replace('"metadata": {}', '"metadata": {"a":1}'));
});

t.test('legacy: a message with buffers keeps them when a part is replaced', async (t) => {
  const json = Buffer.from(legacyText);
  const head = Buffer.alloc(12);
  head.writeUInt32BE(2, 0);
  head.writeUInt32BE(12, 4);
  head.writeUInt32BE(12 + json.length, 8);
  const data = Buffer.concat([head, json, Buffer.from([1, 2, 3])]);
  const frame = decode('legacy', data, true);
  t.same(frame.buffers(), [Buffer.from([1, 2, 3])]);
  t.same(frame.replace({}).data, data);
  const changed = decode('legacy', bytesOf(frame.replace({ content: '{"code":"y"}' })), true);
  t.equal(changed.text('content'), '{"code":"y"}');
  t.same(changed.buffers(), [Buffer.from([1, 2, 3])]);
});

for (const text of [
  '',
  '[]',
  'null',
  '{"channel":"shell"}',
  '{"channel":"shell"',
  `${legacyText}x`,
  '{"channel":}',
]) {
  t.test(`legacy: refuses ${JSON.stringify(text.slice(0, 30))}`, async (t) => {
    t.throws(() => decode('legacy', Buffer.from(text), false), { code: 'MALFORMED_FRAME' });
  });
}

t.test('S14: random bytes give a message or a refusal, never another error', async () => {
  const tries = (wire: Wire, data: Uint8Array, binary: boolean) => {
    try {
      decode(wire, Buffer.from(data), binary).text('content');
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
    }
  };
  fc.assert(
    fc.property(
      fc.constantFrom<Wire>('v1', 'legacy'),
      fc.uint8Array({ maxLength: 200 }),
      fc.boolean(),
      tries,
    ),
  );
  const mutate = (at: number, byte: number) =>
    tries('v1', Buffer.from(good).fill(byte, at % good.length, (at % good.length) + 1), true);
  fc.assert(fc.property(fc.nat(), fc.integer({ min: 0, max: 255 }), mutate));
});

t.test('both wires carry any JSON there and back', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom<Wire>('v1', 'legacy'),
      fc.object({ withNullPrototype: false }),
      (wire, content) => {
        const text = JSON.stringify(content);
        const frame = frameOf(wire, payloadOf(wire, 'iopub', { content: JSON.parse(text) as object }));
        return frame.text('content') === text && frame.channel === 'iopub';
      },
    ),
  );
  t.pass('every object came back');
});
