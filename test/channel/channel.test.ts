import { hash } from 'node:crypto';
import { pino } from 'pino';
import t from 'tap';
import { GatewayError } from '../../gateway/errors.js';
import { Secret } from '../../processors/core/secret.js';
import { conversation, HELPER, rewriteTo } from '../support/conversation.js';
import { bytesOf } from '../support/frames.js';

const statusesOf = (talk: ReturnType<typeof conversation>, id: string) =>
  talk.toClient
    .filter(({ header, parent }) => header.msg_type === 'execute_reply' && parent.msg_id === id)
    .map(({ content }) => content.status);

for (const wire of ['v1', 'legacy'] as const) {
  t.test(`${wire}: frames that nothing changes pass byte-identical, both ways`, async (t) => {
    const talk = conversation({ wire });
    const sent = [
      talk.execute('a', 'print(1)'),
      talk.client('shell', { header: { msg_type: 'kernel_info_request' } }),
      talk.client('control', { header: { msg_type: 'interrupt_request' } }),
      talk.client('shell', { header: { msg_type: 'comm_msg' }, content: { data: { x: 1.5 } } }),
    ];
    t.same(talk.raw.toKernel.map(bytesOf), sent.map(bytesOf));
    const answer = talk.kernel('iopub', {
      header: { msg_type: 'stream' },
      content: { name: 'stdout', text: 'x' },
    });
    t.same(talk.raw.toClient.map(bytesOf), [bytesOf(answer)]);
  });

  t.test(`${wire}: a rewritten cell follows its companion's ok, which the client never sees`, async (t) => {
    const talk = conversation({ wire, rewrites: { '%%shell\nls': () => rewriteTo('__spin__.shell("ls")') } });
    talk.execute('a', '%%shell\nls', { user_expressions: { x: '1' } });
    await talk.settled();
    t.same(talk.ran(), [HELPER]);
    const companion = talk.toKernel[0];
    t.match(companion?.content, { silent: true, store_history: false, stop_on_error: false });
    t.equal(companion?.header.session, 's1');
    talk.reply(companion?.header.msg_id, 'ok');
    await talk.settled();
    t.same(talk.ran(), [HELPER, '__spin__.shell("ls")']);
    t.equal(talk.toKernel[1]?.header.msg_id, 'a');
    t.same(talk.toKernel[1]?.metadata, { spin: { values: {}, typed: '%%shell\nls' } });
    t.match(talk.toKernel[1]?.content, { user_expressions: { x: '1' }, silent: false });
    t.same(talk.toClient, []);
    talk.reply('a', 'ok');
    t.equal(talk.toClient.length, 3);
  });
}

t.test('a companion goes to the subshell of its cell', async (t) => {
  const talk = conversation({ rewrites: { spin: () => rewriteTo('call()') } });
  talk.execute('a', 'spin', {}, { subshell_id: 'sub-1' });
  await talk.settled();
  t.equal(talk.toKernel[0]?.header.subshell_id, 'sub-1');
});

t.test('a later cell never overtakes a rewrite, and a control message never waits', async (t) => {
  const talk = conversation({ rewrites: { spin: () => rewriteTo('call()') } });
  talk.execute('a', 'spin');
  talk.execute('b', 'plain');
  talk.client('shell', { header: { msg_id: 'c', msg_type: 'complete_request' } });
  talk.client('control', { header: { msg_id: 'i', msg_type: 'interrupt_request' } });
  await talk.settled();
  t.same(
    talk.toKernel.map(({ header }) => header.msg_type),
    ['interrupt_request', 'execute_request'],
  );
  talk.reply(talk.toKernel[1]?.header.msg_id, 'ok');
  await talk.settled();
  t.same(
    talk.toKernel.slice(2).map(({ header }) => header.msg_id),
    ['a', 'b', 'c'],
  );
});

t.test('another subshell does not wait', async (t) => {
  const talk = conversation({ rewrites: { spin: () => rewriteTo('call()') } });
  talk.execute('a', 'spin');
  talk.execute('b', 'plain', {}, { subshell_id: 'sub-1' });
  t.same(talk.ran(), ['plain']);
});

t.test('a companion that was aborted aborts its cell and everything held behind it', async (t) => {
  const talk = conversation({ rewrites: { spin: () => rewriteTo('call()') } });
  talk.execute('a', 'spin');
  talk.execute('b', 'plain');
  talk.client('shell', { header: { msg_id: 'c', msg_type: 'complete_request' } });
  await talk.settled();
  talk.reply(talk.toKernel[0]?.header.msg_id, 'aborted');
  await talk.settled();
  t.same(talk.ran(), [HELPER], 'neither cell reached the kernel');
  t.same([statusesOf(talk, 'a'), statusesOf(talk, 'b')], [['aborted'], ['aborted']]);
  t.equal(talk.toKernel[1]?.header.msg_id, 'c', 'what is no cell still passes');
  talk.execute('d', 'plain');
  t.same(talk.ran(), [HELPER, 'plain'], 'a cell that came later runs');
});

t.test('an earlier cell that fails aborts what waits behind a rewrite', async (t) => {
  const waiting: (() => void)[] = [];
  const slow = () =>
    new Promise<ReturnType<typeof rewriteTo>>((resolve) => waiting.push(() => resolve(rewriteTo('call()'))));
  const talk = conversation({ rewrites: { spin: slow } });
  talk.execute('a', 'fails');
  talk.execute('b', 'spin');
  await talk.settled();
  talk.reply('a', 'error');
  for (const go of waiting) go();
  await talk.settled();
  talk.reply(talk.toKernel[1]?.header.msg_id, 'ok');
  await talk.settled();
  t.same(talk.ran(), ['fails', HELPER]);
  t.same(statusesOf(talk, 'b'), ['aborted']);
});

t.test('an earlier cell that fails with stop_on_error false aborts nothing', async (t) => {
  const talk = conversation({ rewrites: { spin: () => rewriteTo('call()') } });
  talk.execute('a', 'fails', { stop_on_error: false });
  talk.execute('b', 'spin');
  talk.reply('a', 'error');
  await talk.settled();
  talk.reply(talk.toKernel[1]?.header.msg_id, 'ok');
  await talk.settled();
  t.same(talk.ran(), ['fails', HELPER, 'call()']);
});

t.test('a kernel that restarts while a cell waits aborts it', async (t) => {
  const talk = conversation({ rewrites: { spin: () => rewriteTo('call()') } });
  talk.execute('a', 'spin');
  await talk.settled();
  talk.kernel('iopub', { header: { msg_type: 'status' }, content: { execution_state: 'restarting' } });
  await talk.settled();
  t.same(statusesOf(talk, 'a'), ['aborted']);
});

t.test(
  'a kernel that starts is asked again, as what waits may have been sent to the one before it',
  async (t) => {
    const talk = conversation({ rewrites: { spin: () => rewriteTo('call()') } });
    talk.execute('a', 'spin');
    await talk.settled();
    talk.kernel('iopub', { header: { msg_type: 'status' }, content: { execution_state: 'starting' } });
    t.same(talk.ran(), [HELPER, HELPER]);
    talk.reply(talk.toKernel[1]?.header.msg_id, 'ok');
    await talk.settled();
    t.same(talk.ran(), [HELPER, HELPER, 'call()']);
    talk.reply('a', 'ok');
    t.same(statusesOf(talk, 'a'), ['ok']);
  },
);

for (const status of ['ok', 'error']) {
  t.test(
    `J9: a refused cell goes through the kernel as a raise, where the helper is ${status}`,
    async (t) => {
      const talk = conversation({ rewrites: { spin: () => rewriteTo('raise "no"', { refused: 'no' }) } });
      talk.execute('a', 'spin');
      await talk.settled();
      talk.reply(talk.toKernel[0]?.header.msg_id, status);
      await talk.settled();
      t.same(talk.ran(), [HELPER, 'raise "no"']);
      const spin = { call: true, values: {}, typed: 'spin' };
      t.same(talk.toKernel[1]?.metadata, status === 'ok' ? { spin } : {}, 'the history shows what was typed');
    },
  );
}

t.test('J6: a cell whose magic the kernel has of its own goes there as it was typed', async (t) => {
  const talk = conversation({ rewrites: { '%%sql a': () => rewriteTo('call()', { magic: 'sql' }) } });
  for (const answer of ['True', 'False', undefined]) {
    const sent = talk.toKernel.length;
    talk.execute(`cell ${answer}`, '%%sql a', { user_expressions: { x: '1' } });
    await talk.settled();
    t.match(talk.toKernel[sent]?.content, { user_expressions: { question: 'has sql' } });
    talk.kernel('shell', {
      header: { msg_type: 'execute_reply' },
      parent_header: { msg_id: talk.toKernel[sent]?.header.msg_id },
      content: {
        status: 'ok',
        user_expressions: answer && { question: { status: 'ok', data: { 'text/plain': answer } } },
      },
    });
    await talk.settled();
    const [cell, own] = [talk.toKernel.at(-1), answer === 'True'];
    t.equal(cell?.content.code, own ? '%%sql a' : 'call()');
    t.same(cell?.metadata.spin, own ? undefined : { values: {}, typed: '%%sql a' });
    t.same(cell?.content.user_expressions, { x: '1' });
  }
});

t.test('S13: of a cell whose processor throws, nothing reaches the kernel but an error', async (t) => {
  const failing = () => {
    throw new Error('a bug that quotes the cell: canary-source');
  };
  const talk = conversation({ rewrites: { 'canary-source': failing } });
  talk.execute('a', 'canary-source');
  await talk.settled();
  t.equal(talk.ran().length, 1);
  t.match(String(talk.ran()[0]), /^raise The gateway failed/);
  t.notMatch(Buffer.concat(talk.raw.toKernel.map(bytesOf)).toString(), 'canary-source');
});

t.test('S13: a kernel that cannot load the helper gets an error in place of the cell', async (t) => {
  const talk = conversation({ rewrites: { spin: () => rewriteTo('call()') } });
  talk.execute('a', 'spin');
  await talk.settled();
  talk.reply(talk.toKernel[0]?.header.msg_id, 'error');
  await talk.settled();
  talk.inform(talk.toKernel[1]?.header.msg_id, 'python', 'ipython');
  await talk.settled();
  t.match(String(talk.ran()[1]), /^raise The SPIN helper could not be loaded/);
});

t.test('J10: a Python kernel that is not IPython’s is named', async (t) => {
  const talk = conversation({ rewrites: { spin: () => rewriteTo('call()') } });
  talk.execute('a', 'spin');
  await talk.settled();
  talk.reply(talk.toKernel[0]?.header.msg_id, 'error');
  await talk.settled();
  talk.inform(talk.toKernel[1]?.header.msg_id, 'python', 'xeus-python');
  await talk.settled();
  t.match(
    String(talk.ran()[1]),
    /^raise SPIN cells .* need IPython’s own kernel \(ipykernel\), and this one is xeus-python\./,
  );
});

t.test('J10: a kernel whose specification names another language is asked itself', async (t) => {
  const talk = conversation({
    language: 'sage',
    speaks: 'python',
    rewrites: { spin: () => rewriteTo('call()') },
  });
  talk.execute('a', 'spin');
  await talk.settled();
  t.same(talk.ran(), [HELPER]);
  t.same(talk.toClient, [], 'its client hears nothing of it');
});

const elsewhere: Readonly<Record<string, readonly [cell: string, ran: string]>> = {
  'J6: a magic of its own': ['%%shell\nls {{x}}', '%%shell\nls {{x}}'],
  'J7: an escaped reference': [
    String.raw`echo '\{{runtime_env:X}}' # \\\{{secret:a}}`,
    String.raw`echo '{{runtime_env:X}}' # \\{{secret:a}}`,
  ],
  'J7: braces of other kinds': [String.raw`x <- "\{{x}}"`, String.raw`x <- "\{{x}}"`],
};
for (const [what, [cell, ran]] of Object.entries(elsewhere)) {
  t.test(`${what} passes in a kernel of another language`, async (t) => {
    const talk = conversation({ language: 'bash', rewrites: { [cell]: () => rewriteTo('call()') } });
    talk.execute('a', cell);
    await talk.settled();
    t.same(talk.ran(), [ran]);
    t.same(talk.toClient, []);
  });
}

t.test('a kernel of another language gets nothing, and the client a full answer', async (t) => {
  const cell = 'x <- 1 # {{runtime_env:X}}';
  const talk = conversation({ language: 'r', rewrites: { [cell]: () => rewriteTo('call()') } });
  talk.execute('a', cell);
  await talk.settled();
  t.same(talk.toKernel, []);
  t.match(
    talk.toClient.find(({ header }) => header.msg_type === 'error')?.content.evalue,
    /Write \\\{\{runtime_env:X\}\} for the text itself/,
  );
  t.same(
    talk.toClient.map(({ header, content }) => [
      header.msg_type,
      content.execution_state ?? content.status ?? content.ename ?? content.code,
    ]),
    [
      ['status', 'busy'],
      ['execute_input', cell],
      ['error', 'SpinError'],
      ['execute_reply', 'error'],
      ['status', 'idle'],
    ],
  );
  t.ok(talk.toClient.every(({ parent }) => parent.msg_id === 'a'));
});

t.test('an execute_request larger than Jupyter takes becomes an error in the cell', async (t) => {
  const talk = conversation();
  talk.execute('a', `x = '${'y'.repeat(11 * 1024 * 1024)}'`);
  await talk.settled();
  t.match(String(talk.ran()[0]), /^raise The message is larger than 10 MiB/);
});

t.test('a cell whose answer nobody can give asks for the end of its connection', async (t) => {
  const talk = conversation();
  const content = { code: 'x' };
  const parent_header = { username: 'y'.repeat(11 * 1024 * 1024) };
  talk.client('shell', { header: { msg_type: 'execute_request' }, parent_header, content });
  await talk.settled();
  t.match(talk.faults, [{ code: 'MESSAGE_TOO_LARGE' }]);
  t.same(talk.toKernel, []);
});

t.test('a cell that is too large for a kernel of another language gets an answer that says so', async (t) => {
  const talk = conversation({ language: 'r' });
  talk.execute('a', 'y'.repeat(11 * 1024 * 1024));
  await talk.settled();
  t.match(
    talk.toClient.find(({ header }) => header.msg_type === 'error')?.content.evalue,
    /larger than 10 MiB/,
  );
});

t.test('of cells that share one msg_id, each has its log line', async (t) => {
  const lines: Record<string, unknown>[] = [];
  const talk = conversation({ log: pino({}, { write: (line) => void lines.push(JSON.parse(line)) }) });
  talk.execute('a', 'hidden()');
  talk.execute('a', '1');
  talk.reply('a', 'ok');
  talk.reply('a', 'ok');
  const cells = lines.filter(({ msg }) => msg === 'cell');
  t.match(
    cells.map(({ source, status }) => [source, status]),
    [
      [hash('sha256', 'hidden()'), 'unseen'],
      [hash('sha256', '1'), 'ok'],
    ],
  );
});

t.test('any other message larger than Jupyter takes is refused with 1009', async (t) => {
  const talk = conversation();
  const large = { header: { msg_type: 'comm_msg' }, content: { data: 'y'.repeat(11 * 1024 * 1024) } };
  t.throws(() => talk.client('shell', large), { code: 'MESSAGE_TOO_LARGE' });
  const username = 'y'.repeat(2 * 1024 * 1024);
  t.throws(() => talk.execute('a', 'x', {}, { username }), { code: 'MESSAGE_TOO_LARGE' }, 'of a header');
});

t.test('a value is hidden from the moment it is delivered', async (t) => {
  const delivered = [new Secret('canary-value')];
  const talk = conversation({ rewrites: { spin: () => rewriteTo('call()', { delivered }) } });
  const shows = () => {
    talk.kernel('iopub', { header: { msg_type: 'error' }, content: { evalue: 'canary-value' } });
    return talk.toClient.at(-1)?.content.evalue;
  };
  t.equal(shows(), 'canary-value');
  talk.execute('a', 'spin');
  await talk.settled();
  talk.reply(talk.toKernel[0]?.header.msg_id, 'ok');
  await talk.settled();
  t.equal(shows(), '***');
});

t.test('S10: a value goes to the kernel when the other replicas can know it, and not before', async (t) => {
  const puts: { resolve(): void; reject(error: Error): void }[] = [];
  const put = () => new Promise<void>((resolve, reject) => puts.push({ resolve, reject }));
  const shared = { shelf: () => ({ put, look: async () => {} }), sweep: async () => {} };
  const delivered = [new Secret('canary-value')];
  const rewrites = { spin: () => rewriteTo('call()', { spin: { values: 'canary-value' }, delivered }) };
  const talk = conversation({ rewrites, shared });
  talk.execute('a', 'spin');
  talk.execute('b', 'spin');
  await talk.settled();
  t.same(talk.ran(), []);
  puts[0]?.resolve();
  await talk.settled();
  talk.reply(talk.toKernel[0]?.header.msg_id, 'ok');
  await talk.settled();
  t.same(talk.ran(), [HELPER, 'call()']);
  puts[1]?.reject(new GatewayError('SHARED_FOLDER_AWAY', 'SPIN_SHARED is away.'));
  await talk.settled();
  t.same(talk.ran(), [HELPER, 'call()', 'raise SPIN_SHARED is away.']);
  t.notMatch(JSON.stringify(talk.toKernel.at(-1)), 'canary-value');
});

const ask = {
  header: { msg_type: 'input_request' },
  parent_header: { msg_id: 'a' },
  content: { prompt: '? ' },
};
const reply = { header: { msg_type: 'input_reply' }, content: { value: 'x' } };

t.test('S9: an input_reply passes once, and only to a question that this socket was asked', async (t) => {
  const talk = conversation();
  talk.client('stdin', reply);
  t.same(talk.toKernel, [], 'nobody asked');
  talk.kernel('stdin', ask);
  talk.client('stdin', reply);
  t.equal(talk.toKernel.length, 1);
  talk.client('stdin', reply);
  t.equal(talk.toKernel.length, 1, 'a second answer to one question');
});

t.test('S9: a question is void when its cell has ended', async (t) => {
  const talk = conversation();
  talk.execute('a', 'input()');
  talk.kernel('stdin', ask);
  talk.reply('a', 'error');
  talk.client('stdin', reply);
  t.equal(talk.toKernel.length, 1);
});

for (const execution_state of ['restarting', 'dead', 'starting']) {
  t.test(`S9: a question is void when its kernel is ${execution_state}`, async (t) => {
    const talk = conversation();
    talk.kernel('stdin', ask);
    talk.kernel('iopub', { header: { msg_type: 'status' }, content: { execution_state } });
    talk.client('stdin', reply);
    t.same(talk.toKernel, []);
  });
}

t.test('S9: a client sends on no channel but its own three', async (t) => {
  const talk = conversation();
  t.throws(() => talk.client('iopub', { header: { msg_type: 'stream' } }), { code: 'MALFORMED_FRAME' });
});

for (const [name, parts] of [
  ['without a msg_type', { header: { msg_type: 7 } }],
  ['whose code is no string', { header: { msg_type: 'execute_request' }, content: { code: ['x'] } }],
] as const) {
  t.test(`S13: a request ${name} is refused`, async (t) => {
    const talk = conversation();
    t.throws(() => talk.client('shell', parts), { code: 'MALFORMED_FRAME' });
    t.same(talk.toKernel, []);
  });
}
