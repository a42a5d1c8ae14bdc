import t from 'tap';
import type { Kernel } from '../../gateway/channel/kernels/kernels.js';
import type { Wire } from '../../gateway/channel/wire/codec.js';
import type { Payload } from '../../gateway/channel/wire/frame.js';
import { Secret } from '../../processors/core/secret.js';
import { conversation } from '../support/conversation.js';
import { bytesOf, type Parts, payloadOf } from '../support/frames.js';

const VALUE = 'canary-of-a-cell';

/** Several clients of one kernel. */
function clients(count: number, wire: Wire = 'v1') {
  const first = conversation({ wire });
  const all = [first, ...Array.from({ length: count - 1 }, () => conversation({ wire, of: first.of }))];
  const texts = (index: number) => all[index]?.toClient.map(({ content }) => content.text);
  return { kernel: first.of, all, texts };
}

/** How often each frame is looked through for values. */
function countLooks(kernel: Kernel): () => number {
  const { delivered } = kernel;
  const original = delivered.mayBeIn.bind(delivered);
  let looks = 0;
  delivered.mayBeIn = (bytes) => {
    looks++;
    return original(bytes);
  };
  return () => looks;
}

let messages = 0;

function said(wire: Wire, type: string, content: object, parent = 'cell'): Payload {
  const parts: Parts = {
    header: { msg_type: type, msg_id: `message ${messages++}` },
    parent_header: { msg_id: parent },
    content,
  };
  return payloadOf(wire, 'iopub', parts);
}

const text = (wire: Wire, chunk: string) => said(wire, 'stream', { name: 'stdout', text: chunk });
const status = (wire: Wire, execution_state: string) => said(wire, 'status', { execution_state });

for (const wire of ['v1', 'legacy'] as const) {
  t.test(`${wire}: what a kernel says is redacted once, however many clients it has`, async (t) => {
    const { kernel, all, texts } = clients(8, wire);
    await kernel.give([new Secret(VALUE)]);
    const looks = countLooks(kernel);
    const frames = [
      status(wire, 'busy'),
      text(wire, `a ${VALUE} b `),
      text(wire, VALUE.slice(0, 5)),
      text(wire, VALUE.slice(5)),
      text(wire, 'end'),
      status(wire, 'idle'),
    ];
    for (const frame of frames)
      for (const { channel } of all) channel.fromKernel(bytesOf(frame), frame.binary);
    t.equal(looks(), frames.length);
    for (const index of all.keys()) t.equal(texts(index)?.join(''), 'a *** b ***end', `client ${index}`);
  });

  t.test(`${wire}: a connection that is ahead, behind, or begins later, brings every message`, async (t) => {
    const { kernel, all, texts } = clients(3, wire);
    await kernel.give([new Secret(VALUE)]);
    const looks = countLooks(kernel);
    const frames = Array.from({ length: 600 }, (_, each) => text(wire, `${each} ${VALUE}\n`));
    const bring = (client: number, from: number, to: number) => {
      for (const frame of frames.slice(from, to))
        all[client]?.channel.fromKernel(bytesOf(frame), frame.binary);
    };
    bring(0, 0, 100);
    bring(1, 0, 50);
    bring(0, 100, 200);
    bring(1, 50, 300);
    bring(2, 120, 600);
    bring(0, 200, 600);
    bring(1, 300, 600);
    const lines = (from: number) => frames.slice(from).map((_, each) => `${from + each} ***\n`);
    t.same(texts(0), lines(0));
    t.same(texts(1), lines(0));
    t.same(texts(2), lines(120));
    t.equal(looks(), 600);
  });
}

t.test('a message that one connection lost is shown to the others, and its value is hidden', async (t) => {
  const { kernel, all, texts } = clients(2);
  await kernel.give([new Secret(VALUE)]);
  const [begin, middle, end] = [VALUE.slice(0, 6), VALUE.slice(6, 9), VALUE.slice(9)];
  const frames = [begin, middle, `${end}.`, 'after\n'].map((chunk) => text('v1', chunk));
  const rest = status('v1', 'idle');
  // Jupyter limits the rate of each connection: the first one loses the middle.
  for (const frame of [...frames.filter((_, index) => index !== 1), rest])
    all[0]?.channel.fromKernel(bytesOf(frame), frame.binary);
  for (const frame of [...frames, rest]) all[1]?.channel.fromKernel(bytesOf(frame), frame.binary);
  t.equal(texts(0)?.join(''), `${begin}${end}.after\n`);
  t.equal(texts(1)?.join(''), '***.after\n', 'as if it were alone');
  const looks = countLooks(kernel);
  for (const { channel } of all) channel.fromKernel(bytesOf(frames[3] as Payload), true);
  t.ok(looks() <= 1, 'and both go on together');
});

t.test('a value that is given meanwhile is hidden from a connection that lags behind', async (t) => {
  const { kernel, all, texts } = clients(2);
  await kernel.give([new Secret('another-value')]);
  const frame = text('v1', `${VALUE}\n`);
  all[0]?.channel.fromKernel(bytesOf(frame), true);
  await kernel.give([new Secret(VALUE)]);
  all[1]?.channel.fromKernel(bytesOf(frame), true);
  t.same([texts(0), texts(1)], [[`${VALUE}\n`], ['***\n']]);
});

t.test('a client alone keeps nothing of what passed', async (t) => {
  const { kernel, all } = clients(2);
  await kernel.give([new Secret(VALUE)]);
  const looks = countLooks(kernel);
  const frame = text('v1', 'line\n');
  all[0]?.channel.fromKernel(bytesOf(frame), true);
  all[1]?.channel.close();
  all[1]?.channel.close();
  all[0]?.channel.fromKernel(bytesOf(frame), true);
  const late = conversation({ of: kernel });
  late.channel.fromKernel(bytesOf(frame), true);
  t.equal(looks(), 3, 'nothing was known again');
});

t.test('S10: a client that joins gets nothing of what was held back before', async (t) => {
  const { kernel, all, texts } = clients(1);
  all.push(conversation({ of: kernel }));
  const [begin, idle, rest] = [
    text('v1', VALUE.slice(0, 5)),
    status('v1', 'idle'),
    text('v1', VALUE.slice(5)),
  ];
  await kernel.give([new Secret(VALUE)]);
  const bring = (client: number, frame: Payload) =>
    all[client]?.channel.fromKernel(bytesOf(frame), frame.binary);
  for (const frame of [begin, idle, rest]) bring(0, frame);
  for (const frame of [idle, rest]) bring(1, frame);
  t.equal(texts(1)?.join(''), VALUE.slice(5));
});

t.test('what a client got before the first value is not shown to it again', async (t) => {
  const { kernel, all, texts } = clients(2);
  const [begin, idle] = [text('v1', `x${VALUE.slice(0, 2)}`), status('v1', 'idle')];
  const bring = (client: number, frame: Payload) =>
    all[client]?.channel.fromKernel(bytesOf(frame), frame.binary);
  bring(0, begin);
  await kernel.give([new Secret(VALUE)]);
  for (const frame of [begin, idle]) bring(1, frame);
  bring(0, idle);
  t.equal(texts(0)?.join(''), `x${VALUE.slice(0, 2)}`);
  t.equal(texts(1)?.join(''), `x${VALUE.slice(0, 2)}`);
});

t.test('the connection that is ahead searches nothing', async (t) => {
  const { all } = clients(2);
  const frames = Array.from({ length: 100 }, (_, each) => text('v1', `${each}\n`));
  const { equals } = Buffer.prototype;
  t.teardown(() => {
    Buffer.prototype.equals = equals;
  });
  let compared = 0;
  Buffer.prototype.equals = function (other: Uint8Array) {
    compared++;
    return equals.call(this, other);
  };
  for (const frame of frames) for (const { channel } of all) channel.fromKernel(bytesOf(frame), frame.binary);
  t.ok(compared <= 101, `${compared} comparisons for 100 messages`);
});
