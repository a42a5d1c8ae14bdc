import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { decode, type Wire } from '../../gateway/channel/wire/codec.js';
import { REF } from '../support/canary.js';
import { answerCompanion, companionIn, KERNEL, startFakeKernel } from '../support/fake-kernel.js';
import { bytesOf } from '../support/frames.js';
import { startTestGateway, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { openRawClient, startKernel } from '../support/raw-client.js';
import { until } from '../support/until.js';

const WIRES: readonly Wire[] = ['v1', 'legacy'];
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

/** What JavaScript's own JSON would write differently, and what it would refuse. */
const ODD =
  '{ "n":1.0, "big": 12345678901234567890,"exp":1E400,"nan":NaN , "inf":-Infinity, "u":"\\u00e9\\/é\\ud800", "twice":1,"twice":2,"name" :"stdout","text":"x" }';

/** The same message on the channel of outputs: both names have five letters. */
function asOutput(data: Buffer): Buffer {
  const copy = Buffer.from(data);
  copy.write('iopub', copy.indexOf('shell'));
  return copy;
}

/** A gateway before a kernel that sends back whatever it gets, as an output; with `delivered` its redaction is on. */
async function echoing(t: Test, wire: Wire, delivered: boolean) {
  const fake = await startFakeKernel((socket) =>
    socket.on('message', (data: Buffer, binary) => {
      const companion = companionIn(socket, data, binary);
      if (companion === undefined) socket.send(asOutput(data), { binary });
      else answerCompanion(socket, companion);
    }),
  );
  const gateway = await startTestGateway({ upstream: fake.config, env: { KEY: 'a delivered value' } });
  t.teardown(async () => {
    await gateway.close();
    await fake.close();
  });
  const client = await openRawClient(gateway, KERNEL, wire);
  t.teardown(() => client.close());
  if (delivered) {
    client.send('execute_request', { code: `"${REF}"` });
    await until(() => client.frames.length > 0);
  }
  return { fake, client };
}

for (const wire of WIRES) {
  for (const delivered of [false, true]) {
    const state = delivered ? 'after a value was delivered' : 'before any value was';
    t.test(
      `${wire}: comm messages pass with their buffers, byte for byte, both ways, ${state}`,
      async (t) => {
        const { fake, client } = await echoing(t, wire, delivered);
        const sets: (readonly Buffer[] | undefined)[] = [
          undefined,
          [Buffer.alloc(0)],
          [EVERY_BYTE, Buffer.alloc(0), Buffer.from('{"msg_type":"x"}'), EVERY_BYTE],
          [randomBytes(3 * 1024 * 1024), randomBytes(1)],
        ];
        for (const buffers of sets) {
          for (const msg_type of ['comm_open', 'comm_msg', 'stream', 'display_data']) {
            const content = {
              comm_id: 'c',
              data: { method: 'update', state: {} },
              name: 'stdout',
              text: 'x',
            };
            const { payload } = client.message(msg_type, content, buffers ? { buffers } : {});
            const plain = bytesOf(payload);
            const odd = payload.binary
              ? decode(wire, plain, true).replace({ content: ODD, metadata: ODD })
              : {
                  data: Buffer.from(plain.toString().replace('"state":{}', `"state":${ODD}`)),
                  binary: false,
                };
            const sent = bytesOf(odd);
            const before = { kernel: fake.received.length, client: client.frames.length };
            const back = once(client.socket, 'message') as Promise<[Buffer, boolean]>;
            client.socket.send(sent, { binary: odd.binary });
            const [data, binary] = await back;
            t.ok(fake.received[before.kernel]?.data.equals(sent), `${msg_type} at the kernel`);
            t.equal(fake.received[before.kernel]?.binary, odd.binary);
            t.ok(data.equals(asOutput(sent)), `${msg_type} at the client`);
            t.equal(binary, odd.binary);
            t.same(
              [fake.received.length, client.frames.length],
              [before.kernel + 1, before.client + 1],
              'once',
            );
          }
        }
      },
    );
  }
}

t.test('real widgets: what a client gets through the gateway is what Jupyter sends', async (t) => {
  const jupyter = await startStockJupyter();
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env: { KEY: 'a delivered value' },
  });
  t.teardown(async () => {
    await gateway.close();
    await jupyter.close();
  });
  for (const wire of WIRES) {
    const kernel = await startKernel(gateway);
    const direct = await openRawClient({ origin: jupyter.url, token: jupyter.token }, kernel, wire);
    const through = await openRawClient(gateway, kernel, wire);
    t.teardown(() => direct.close());
    t.teardown(() => through.close());
    await Promise.all([direct.listens(), through.listens()]);
    t.match(await through.execute(`len("${REF}")`), { status: 'ok' });

    const picture =
      'import ipywidgets\nimage = ipywidgets.Image(value=bytes(range(256)) * 100, width=1.0)\nslider = ipywidgets.FloatSlider(value=1.0)\nipywidgets.VBox([image, slider])';
    const { id, status } = await through.execute(picture);
    t.equal(status, 'ok');
    const isIdle = ({ parent, content }: { parent: string; content: Record<string, unknown> }) =>
      parent === id && content.execution_state === 'idle';
    await Promise.all([direct.hears(isIdle), through.hears(isIdle)]);
    const broadcast = (client: typeof direct) =>
      client.frames.filter(
        (_, index) => client.heard[index]?.parent === id && client.heard[index]?.channel === 'iopub',
      );
    const [expected, got] = [broadcast(direct), broadcast(through)];
    t.ok(
      expected.length > 5 && expected.some((frame) => frame.includes(EVERY_BYTE)),
      'the picture is in a buffer',
    );
    t.equal(got.length, expected.length);
    t.ok(
      got.every((frame, index) => frame.equals(expected[index] ?? Buffer.alloc(0))),
      `${wire}: the same bytes`,
    );

    const opened = through.heard.find(({ type, buffers }) => type === 'comm_open' && buffers.length > 0);
    const reversed = Buffer.from(EVERY_BYTE).reverse();
    const data = { method: 'update', state: {}, buffer_paths: [['value']] };
    await through.request('kernel_info_request', {});
    through.send('comm_msg', { comm_id: opened?.content.comm_id, data }, { buffers: [reversed] });
    t.match(await through.execute('print(bytes(image.value) == bytes(range(255, -1, -1)))'), {
      stdout: 'True\n',
    });
  }
});
