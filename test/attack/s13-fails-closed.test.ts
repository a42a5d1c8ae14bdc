import { pino } from 'pino';
import t from 'tap';
import { GatewayError } from '../../gateway/errors.js';
import { CellError, type Compiled, type Processor } from '../../processors/core/processor.js';
import { Secret } from '../../processors/core/secret.js';
import { createProcessors } from '../../processors/index.js';
import { connect, execute } from '../support/client.js';
import { connectionsOf } from '../support/connections.js';
import { conversation } from '../support/conversation.js';
import { bytesOf } from '../support/frames.js';
import { startTestGateway, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { until } from '../support/until.js';

const VALUE = 'canary-value';
const BODY = 'canary-body';
const CELL = `%%bad\n${BODY} {{runtime_env:KEY}}`;
const FAILED = 'The gateway failed while it prepared this cell. Nothing of it ran. See the gateway’s log.';
const NOT_SENT = 'The gateway failed on this request. Its log has the details.';

/** A log that a test reads. */
function memoryLog() {
  let text = '';
  const log = pino(
    { level: 'info' },
    {
      write(line: string) {
        text += line;
      },
    },
  );
  return { log, text: () => text };
}

function processorsWith(compile: unknown) {
  const bad: Processor = { name: 'bad', summary: 'x', options: {}, compile: compile as Processor['compile'] };
  return createProcessors({
    connections: connectionsOf(),
    resolve: () => new Secret(VALUE),
    addOns: [bad],
    compileLimitMs: 100,
  });
}

const circle: Record<string, unknown> = {};
circle.self = circle;

const good: Compiled = { run: { kind: 'python', code: '1' }, deliver: [] };
const call = (args: unknown, name: unknown = 'shell') => ({ run: { kind: 'call', name, args }, deliver: [] });
const deliver = (value: unknown) => ({ ...good, deliver: value });

const hostile = new Proxy(new Error(VALUE), {
  get() {
    throw new Error(VALUE);
  },
});

/** What a processor can do wrong, and the kind of fault that the log names. */
const wrongs: Readonly<Record<string, readonly [compile: unknown, kind: string]>> = {
  throws: [fail(() => new RangeError('bug')), 'RangeError'],
  rejects: [async () => fail(() => new RangeError('bug'))(), 'RangeError'],
  'rejects with nothing': [() => Promise.reject(), 'undefined'],
  hangs: [() => new Promise(() => {}), 'CompileTimeout'],
  'throws an error that holds a value': [
    (_: unknown, { resolve }: { resolve(name: string): Secret }) => {
      throw new TypeError(`no ${resolve('runtime_env:KEY').reveal()} in ${BODY}`);
    },
    'TypeError',
  ],
  'throws an error named after a value': [
    fail(() => Object.assign(new Error('x'), { name: `${VALUE} ${BODY}`, code: VALUE })),
    'Error',
  ],
  'throws an error caused by one that holds a value': [
    fail(() => new Error('x', { cause: new Error(`${VALUE}\n    at ${VALUE} (file:1:1)`) })),
    'Error',
  ],
  'throws a value': [fail(() => `${VALUE} ${BODY}`), 'string'],
  'throws what cannot be read': [fail(() => hostile), 'unreadable'],
  'throws a CellError without a sentence': [
    fail(() => Object.assign(new CellError('x'), { message: { toString: () => VALUE } })),
    'CellError',
  ],
  'gives nothing': [() => undefined, 'TypeError'],
  'gives text': [() => VALUE, 'TypeError'],
  'gives nothing to run': [() => ({ deliver: [] }), 'TypeError'],
  'gives another kind of code': [() => ({ ...good, run: { kind: 'bash', code: VALUE } }), 'TypeError'],
  'gives code that is no text': [() => ({ ...good, run: { kind: 'python', code: [BODY] } }), 'TypeError'],
  'gives a call that is more': [() => call({ a: 1 }, `x(${BODY});`), 'TypeError'],
  'gives an argument that is more': [() => call({ [`a="${BODY}", b`]: 1 }), 'TypeError'],
  'gives an argument without a value': [() => call({ a: undefined }), 'TypeError'],
  'gives arguments in a circle': [() => call(circle), 'RangeError'],
  'gives no list of values': [() => deliver(null), 'TypeError'],
  'gives a value in the open': [() => deliver([{ name: 'runtime_env:KEY', value: VALUE }]), 'TypeError'],
  'gives a secret that holds no text': [
    () => deliver([{ name: 'runtime_env:KEY', value: { reveal: () => 7 } }]),
    'TypeError',
  ],
};

function fail(make: () => unknown): () => never {
  return () => {
    throw make();
  };
}

for (const [what, [compile, kind]] of Object.entries(wrongs)) {
  t.test(`S13: of a cell whose processor ${what} the kernel gets the constant raise alone`, async (t) => {
    const { log, text } = memoryLog();
    const processors = processorsWith(compile);
    const talk = conversation({ processors, log });
    talk.execute('a', CELL);
    talk.execute('b', 'print(1)');
    await until(() => talk.ran().length === 2);
    t.same(talk.ran(), [processors.refuse(FAILED).code, 'print(1)'], 'in its turn, without a companion');
    t.same(talk.toKernel[0]?.metadata, {});
    t.notMatch(Buffer.concat(talk.raw.toKernel.map(bytesOf)).toString(), /canary/);
    talk.reply('a', 'error');
    t.notMatch(Buffer.concat(talk.raw.toClient.map(bytesOf)).toString(), /canary/);
    t.notMatch(text(), /canary/, 'the log holds neither');
    const line = JSON.parse(text().split('\n')[0] ?? '') as Record<string, unknown>;
    t.match(line, { level: 50, fault: { kind }, processor: 'bad', msg: 'a cell could not be rewritten' });
  });
}

t.test('S13: a rewrite that no message can hold fails closed too', async (t) => {
  const { log, text } = memoryLog();
  for (const withheld of [circle, { [VALUE]: 10n }]) {
    const processors = processorsWith(() => ({ ...good, withheld }));
    const talk = conversation({ processors, log });
    talk.execute('a', CELL);
    await until(() => talk.ran().length === 1);
    talk.reply(talk.toKernel[0]?.header.msg_id, 'ok');
    await until(() => talk.ran().length === 2);
    t.same(talk.ran(), [processors.helper.code, processors.refuse(NOT_SENT).code]);
    t.notMatch(Buffer.concat(talk.raw.toKernel.map(bytesOf)).toString(), /canary/);
  }
  t.notMatch(text(), /canary/);
});

t.test('S13: a cell of a kernel whose language cannot be asked does not run; a later one does', async (t) => {
  const { log, text } = memoryLog();
  const processors = processorsWith(() => good);
  const failures: unknown[] = [new GatewayError('UPSTREAM_DOWN'), new SyntaxError(`unexpected ${VALUE}`)];
  const talk = conversation({
    processors,
    log,
    language: async () => {
      if (failures.length > 0) throw failures.shift();
      return 'python';
    },
  });
  for (const id of ['a', 'b', 'c']) talk.execute(id, CELL);
  await until(() => talk.ran().length === 3);
  t.same(talk.ran(), [
    processors.refuse(new GatewayError('UPSTREAM_DOWN').message).code,
    processors.refuse(NOT_SENT).code,
    processors.helper.code,
  ]);
  t.notMatch(text(), /canary/);
  t.match(text(), /"kind":"GatewayError","code":"UPSTREAM_DOWN"/);
  t.match(text(), /"kind":"SyntaxError"/);
});

t.test('S13: in a real kernel', async (t) => {
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env: { KEY: VALUE },
    addOns: {
      'bad.mjs': `export default {
        name: 'bad', summary: 'fails', options: {},
        compile({ body }, { resolve }) { throw new Error(resolve('runtime_env:KEY').reveal() + body); },
      };`,
    },
  });
  t.teardown(() => gateway.close());
  const client = connect(gateway);
  const kernel = await client.kernels.startNew({ name: 'python3' });
  t.teardown(async () => {
    await kernel.shutdown();
    client.close();
  });

  const failed = await execute(kernel, CELL);
  t.match(failed, { status: 'error', error: `SpinError: ${FAILED}` });
  t.notMatch(failed.frames, VALUE);
  const [line] = gateway.lines('a cell could not be rewritten');
  t.match(line, { fault: { kind: 'Error', stack: /bad\.mjs/ }, processor: 'bad' });
  t.notMatch(gateway.log(), /canary/);
  t.match(gateway.lines('cell'), [{ processor: 'bad', status: 'error' }]);

  const history = await execute(kernel, 'print(In)');
  t.notMatch(history.stdout, /canary/, 'nor in what the kernel remembers');

  for (const [what, breakIt, mendIt] of [
    [
      'has no IPython',
      'ipython, sys.modules["IPython"] = sys.modules["IPython"], None',
      'sys.modules["IPython"] = ipython',
    ],
    [
      'has no IPython shell',
      'import IPython\nask, IPython.get_ipython = IPython.get_ipython, lambda: None',
      'IPython.get_ipython = ask',
    ],
  ] as const) {
    t.test(`S13: a kernel that ${what} runs nothing of a cell`, async (t) => {
      const broken = await execute(kernel, `import sys\nsys.modules.pop("_spin_runtime", None)\n${breakIt}`);
      t.equal(broken.status, 'ok');
      for (const cell of ['%%shell\necho canary-ran', 'print("canary-ran {{runtime_env:KEY}}")']) {
        const outcome = await execute(kernel, cell);
        t.match(outcome, {
          status: 'error',
          stdout: '',
          error: /^SpinError: The SPIN helper could not be loaded/,
        });
      }
      t.equal((await execute(kernel, mendIt)).status, 'ok');
      t.match(await execute(kernel, '%%shell\necho ran'), { status: 'ok', stdout: 'ran\n' });
    });
  }
});
