import type { Kernel, KernelMessage } from '@jupyterlab/services';
import t from 'tap';
import { type Client, connect, execute } from '../support/client.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';

let jupyter: StockJupyter;
let gateway: TestGateway;

t.before(async () => {
  jupyter = await startStockJupyter();
  gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env: { CANARY: 'canary-in-the-kernel' },
  });
});
t.teardown(async () => {
  await gateway.close();
  await jupyter.close();
});

for (const wire of ['v1', 'legacy'] as const) {
  t.test(`JupyterLab's client library through the gateway, ${wire} messages`, async (t) => {
    const client: Client = connect(gateway, wire);
    const kernel: Kernel.IKernelConnection = await client.kernels.startNew({ name: 'python3' });
    t.teardown(async () => {
      await kernel.shutdown();
      client.close();
    });

    t.equal((await kernel.info).language_info.name, 'python', 'kernel_info');

    const plain = await execute(kernel, "print('out'); import sys; print('err', file=sys.stderr); 6 * 7");
    t.match(plain, { status: 'ok', stdout: 'out\n', stderr: 'err\n' });
    t.equal(plain.data[0]?.['text/plain'], '42');

    const failed = await execute(kernel, '1 / 0');
    t.equal(failed.status, 'error');
    t.match(failed.error, 'ZeroDivisionError');

    const reference = await execute(kernel, "value = '{{runtime_env:CANARY}}'; print(len(value)); value");
    t.match(reference, { status: 'ok', stdout: '20\n' });
    t.notMatch(reference.frames, 'canary-in-the-kernel');
    t.equal(reference.data[0]?.['text/plain'], "'***'");

    const shell = await execute(kernel, '%%shell\nfor i in 1 2 3; do echo line $i; done');
    t.match(shell, { status: 'ok', stdout: 'line 1\nline 2\nline 3\n' });

    const asking = kernel.requestExecute({ code: "print('hello ' + input('name? '))", allow_stdin: true });
    const heard = new Promise<string>((resolve) => {
      asking.onIOPub = (message) => {
        const { text } = message.content as { text?: string };
        if (text !== undefined) resolve(text);
      };
    });
    asking.onStdin = (message) => {
      const request = message as KernelMessage.IInputRequestMsg;
      kernel.sendInputReply({ status: 'ok', value: `you (${request.content.prompt})` }, request.header);
    };
    t.equal(await heard, 'hello you (name? )\n');
    await asking.done;

    const target = 'test-target';
    kernel.registerCommTarget(target, (comm) => {
      comm.onMsg = (message) =>
        void comm.send({ echo: message.content.data }, undefined, [new ArrayBuffer(4)]);
    });
    const comms = await execute(
      kernel,
      [
        'from comm import create_comm',
        'got = []',
        `c = create_comm('${target}', data={}, buffers=[b'ab'])`,
        "c.on_msg(lambda m: got.append((m['content']['data'], [len(b) for b in m['buffers']])))",
        "c.send({'n': 1.0}, buffers=[bytes(range(256))])",
      ].join('\n'),
    );
    t.equal(comms.status, 'ok');
    let echoed = '';
    while (echoed !== "[({'echo': {'n': 1}}, [4])]") {
      echoed = (await execute(kernel, 'print(got, end="")')).stdout;
    }
    t.pass('a comm carries data and buffers both ways');

    const endless = kernel.requestExecute({
      code: 'import time\nprint("started", flush=True)\ntime.sleep(60)',
    });
    await new Promise<void>((resolve) => {
      endless.onIOPub = ({ header }) => {
        if (header.msg_type === 'stream') resolve();
      };
    });
    await kernel.interrupt();
    const interrupted = await endless.done;
    t.match(interrupted.content, { status: 'error', ename: 'KeyboardInterrupt' });

    await execute(kernel, 'before = 1');
    await kernel.restart();
    const restarted = await execute(kernel, "'before' in globals()");
    t.equal(restarted.data[0]?.['text/plain'], 'False');
    const again = await execute(kernel, "len('{{runtime_env:CANARY}}')");
    t.equal(again.data[0]?.['text/plain'], '20', 'a reference works after a restart');
  });
}

t.test('a session of a notebook starts, is listed and ends', async (t) => {
  const client = connect(gateway);
  t.teardown(() => client.close());
  const session = await client.sessions.startNew({
    path: 'a.ipynb',
    name: 'a',
    type: 'notebook',
    kernel: { name: 'python3' },
  });
  await client.sessions.refreshRunning();
  t.same(
    [...client.sessions.running()].map(({ path }) => path),
    ['a.ipynb'],
  );
  await session.shutdown();
  await client.sessions.refreshRunning();
  t.same([...client.sessions.running()], []);
});

t.test(
  'one log line per executed cell says who ran what and how it ended, and not what was in it',
  async (t) => {
    const client = connect(gateway);
    const kernel = await client.kernels.startNew({ name: 'python3' });
    await execute(kernel, "secret_source = 'canary-source'");
    await execute(kernel, '%%shell\nexit 3');
    await kernel.shutdown();
    client.close();
    const cells = gateway.lines('cell').filter((line) => line.kernel === kernel.id);
    t.match(cells, [
      { address: '127.0.0.1', principal: 'owner', processor: 'none', status: 'ok', source: /^[0-9a-f]{64}$/ },
      { processor: 'shell', status: 'error' },
    ]);
    t.notMatch(gateway.log(), 'canary-source');
  },
);
