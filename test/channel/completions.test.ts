import t, { type Test } from 'tap';
import type { Wire } from '../../gateway/channel/wire/codec.js';
import type { Connections } from '../../processors/core/connection.js';
import { CellError, type Processor } from '../../processors/core/processor.js';
import { Secret } from '../../processors/core/secret.js';
import { createProcessors } from '../../processors/index.js';
import { connectionsOf } from '../support/connections.js';
import { conversation } from '../support/conversation.js';
import { until } from '../support/until.js';

const connections: Connections = {
  ...connectionsOf('prometheus'),
  names: (type) => (type === 'prometheus' ? ['prod', 'stage'] : []),
  find(type) {
    throw new CellError(`There is no connection of type ${type}.`);
  },
};

const slow: Processor = {
  name: 'slow',
  summary: 'never knows what to suggest',
  options: {},
  compile: () => ({ run: { kind: 'call', name: 'slow', args: {} }, deliver: [] }),
  complete: (body) => {
    if (body.includes('fail')) throw new Error('not today');
    return new Promise(() => {});
  },
};

function talk(wire: Wire = 'v1', language = 'python') {
  const processors = createProcessors({
    connections,
    resolve: () => new Secret('canary-value'),
    references: () => ['runtime_env:API_KEY', 'runtime_env:APP', 'secret:db', 'secret:API_KEY'],
    addOns: [slow],
  });
  const talk = conversation({ wire, processors, language });
  const ask = (type: string, code: string, cursor_pos = [...code].length, id = 'q1') =>
    talk.client('shell', { header: { msg_id: id, msg_type: type }, content: { code, cursor_pos } });
  return {
    ...talk,
    ask,
    /** The answer that the client got to a complete_request. */
    async completed(code: string, cursor?: number) {
      const id = `q${Math.random()}`;
      ask('complete_request', code, cursor, id);
      await until(() =>
        talk.toClient.some(
          ({ header, parent }) => parent.msg_id === id && header.msg_type === 'complete_reply',
        ),
      );
      const content = talk.toClient.find(
        ({ header, parent }) => parent.msg_id === id && header.msg_type === 'complete_reply',
      )?.content;
      return content as { matches: string[]; cursor_start: number; cursor_end: number; metadata: object };
    },
  };
}

for (const wire of ['v1', 'legacy'] as const) {
  t.test(`${wire}: the answer looks like a kernel’s`, async (t) => {
    const { ask, toClient, toKernel, settled } = talk(wire);
    ask('complete_request', '%%prometheus --li');
    await settled();
    t.match(
      toClient.map(({ channel, header, content }) => [channel, header.msg_type, content.execution_state]),
      [
        ['iopub', 'status', 'busy'],
        ['shell', 'complete_reply', undefined],
        ['iopub', 'status', 'idle'],
      ],
    );
    t.ok(toClient.every(({ parent }) => parent.msg_id === 'q1' && parent.msg_type === 'complete_request'));
    t.strictSame(toClient[1]?.content, {
      status: 'ok',
      matches: ['--list'],
      cursor_start: 13,
      cursor_end: 17,
      metadata: {
        _jupyter_types_experimental: [
          {
            start: 13,
            end: 17,
            text: '--list',
            type: 'option',
            signature:
              '--list VALUE: list what exists instead of values (series, labels, metadata, alerts, targets)',
          },
        ],
      },
    });
    t.same(toKernel, [], 'the kernel was not asked');
  });
}

t.test('what stands on the first line', async (t) => {
  const { completed } = talk();
  const cases: Readonly<Record<string, readonly string[]>> = {
    '%%prometheus p': ['prod'],
    '%%prometheus prod --range 5m --st': ['--step'],
    '%%prometheus --list ': ['series', 'labels', 'metadata', 'alerts', 'targets'],
    '%%prometheus --list=a': ['alerts'],
    '%%prometheus --raw s': ['stage'],
    '%%spin prometheus st': ['stage'],
    '%%spin pro': ['prometheus'],
    '%%shell --o': ['--out'],
    '%%shell x': [],
    '\n\n%%shell --ti': ['--timeout'],
    '%%prometheus "unfinished': [],
  };
  for (const [code, matches] of Object.entries(cases)) t.same((await completed(code)).matches, matches, code);
  const all = (await completed('%%prometheus ')).matches;
  t.same(all.slice(0, 2), ['prod', 'stage'], 'connections come first');
  t.ok(all.includes('--range'));
  t.notOk((await completed('%%prometheus --range 1h ')).matches.includes('--range'), 'none is offered twice');
  const middle = await completed('%%prometheus p --raw\nup', 14);
  t.match(middle, { matches: ['prod'], cursor_start: 13, cursor_end: 14 }, 'the cursor counts, not the end');
});

t.test('positions are code points, as the protocol has them', async (t) => {
  const { completed } = talk();
  const code = '%%shell\necho 😀😀 "{{runtime_env:API';
  const { matches, cursor_start, cursor_end } = await completed(code);
  t.same(matches, ['runtime_env:API_KEY']);
  t.equal(cursor_end, [...code].length);
  t.equal([...code].slice(cursor_start, cursor_end).join(''), 'runtime_env:API');
});

t.test('names that cells may use are offered in braces, values never', async (t) => {
  const { completed, raw } = talk();
  t.same((await completed('x = "{{runtime_env:AP')).matches, ['runtime_env:API_KEY', 'runtime_env:APP']);
  t.same((await completed('print(f"a {{secret:')).matches, ['secret:db', 'secret:API_KEY']);
  t.same((await completed('%%spin python\n"{{secret:d')).matches, ['secret:db']);
  t.same((await completed('%%prometheus\nup{a="{{runtime_env:')).matches, [], 'a query takes none');
  t.notMatch(JSON.stringify(raw.toClient.map(({ data }) => data.toString())), 'canary-value');
});

t.test('everything that is no SPIN cell passes byte for byte', async (t) => {
  const { ask, raw, toClient, settled } = talk();
  const passing = [
    'pri',
    'x = "{{na',
    '"\\{{runtime_env:A',
    '%%timeit\nx',
    '%%bash\necho {{na',
    '%%llama\nx',
    '%%spin python\npri',
    'a = {{1: 2}}',
    '# %%prometheus\nup',
  ];
  for (const code of passing) {
    for (const type of ['complete_request', 'inspect_request']) {
      const sent = ask(type, code, undefined, `q-${code}`);
      await settled();
      t.strictSame(raw.toKernel.at(-1)?.data, sent.data, `${type} ${code}`);
    }
  }
  t.equal(raw.toKernel.length, 2 * passing.length);
  t.same(toClient, []);
});

t.test('a kernel of another language answers for itself', async (t) => {
  const { ask, raw, settled, toClient } = talk('v1', 'r');
  const sent = ask('complete_request', '%%prometheus --li');
  await settled();
  t.strictSame(
    raw.toKernel.map(({ data }) => data),
    [sent.data],
  );
  t.same(toClient, []);
});

/** The kernel's answer to the complete_request that the gateway sent it. */
function answer({ toKernel, kernel }: ReturnType<typeof talk>, content: object): unknown {
  const id = toKernel.findLast(({ header }) => header.msg_type === 'complete_request')?.header.msg_id;
  const say = (channel: string, msg_type: string, said: object) =>
    kernel(channel, { header: { msg_type }, parent_header: { msg_id: id }, content: said });
  say('iopub', 'status', { execution_state: 'busy' });
  say('shell', 'complete_reply', content);
  say('iopub', 'status', { execution_state: 'idle' });
  return id;
}

t.test(
  'variables and the kernel’s own magics come from the kernel, and nothing of that is for the client',
  async (t) => {
    const both = talk();
    const { ask, toKernel, toClient } = both;
    ask('complete_request', '%%prometheus\nup{a="{{df.co');
    await until(() => toKernel.length === 1);
    t.match(toKernel[0], { channel: 'shell', content: { code: 'df.co', cursor_pos: 5 } });
    answer(both, {
      status: 'ok',
      matches: ['columns', 'copy', 'core()'],
      cursor_start: 3,
      cursor_end: 5,
      metadata: { _jupyter_types_experimental: [{ text: 'copy', type: 'function' }] },
    });
    await until(() => toClient.length === 3);
    t.match(toClient[1]?.content, { matches: ['df.columns'], cursor_start: 21, cursor_end: 26 });

    ask('complete_request', '%%p', undefined, 'q2');
    await until(() => toKernel.length === 2);
    answer(both, {
      status: 'ok',
      matches: ['%%perl', '%%prun', '%%prometheus', 'pow', '%%property'],
      cursor_start: 0,
      cursor_end: 3,
      metadata: {
        _jupyter_types_experimental: [
          { text: '%%prun', type: 'magic' },
          { text: '%%property', type: 'class' },
        ],
      },
    });
    await until(() => toClient.length === 6);
    t.same(toClient[4]?.content.matches, ['%%prometheus', '%%perl', '%%prun']);
    t.ok(
      toClient.every(({ parent }) => parent.msg_id === 'q1' || parent.msg_id === 'q2'),
      'the client saw its own requests only',
    );
  },
);

t.test('a kernel that is busy leaves its part out, and is asked once', async (t) => {
  const { completed, toKernel, toClient, execute, client } = talk();
  execute('c1', 'while True: pass');
  t.match((await completed('%%pro')).matches, ['%%prometheus']);
  t.same((await completed('%%prometheus\nup{a="{{d')).matches, []);
  t.equal(toKernel.filter(({ header }) => header.msg_type === 'complete_request').length, 1);
  t.match(
    toClient.at(-1),
    { header: { msg_type: 'status' }, parent: { msg_id: 'c1' }, content: { execution_state: 'busy' } },
    'the kernel’s state is still the one of the cell that runs',
  );
  client('shell', { header: { msg_id: 'k1', msg_type: 'kernel_info_request' } });
  t.equal(toKernel.at(-1)?.header.msg_id, 'k1');
});

t.test('order is kept: what comes behind a question waits for its answer', async (t) => {
  const both = talk();
  const { ask, execute, toKernel, toClient, settled } = both;
  ask('complete_request', '%%pro');
  execute('c1', 'x = 1');
  await until(() => toKernel.length > 0);
  await settled();
  t.equal(toKernel.length, 1, 'the cell has not overtaken it');
  answer(both, { status: 'ok', matches: [], cursor_start: 0, cursor_end: 5 });
  await until(() => toKernel.length === 2);
  t.equal(toClient.length, 4, 'answered before the cell is sent, which runs now');
  t.equal(toKernel[1]?.header.msg_id, 'c1');
});

t.test('a processor that fails or hangs offers nothing', async (t: Test) => {
  const { completed, faults } = talk();
  t.same((await completed('%%slow\nfail')).matches, []);
  t.same((await completed('%%slow\nhang')).matches, []);
  t.same(faults, []);
});

t.test('help about what the cursor is at', async (t) => {
  const { ask, toClient, settled } = talk();
  const help = async (code: string, cursor: number) => {
    toClient.length = 0;
    ask('inspect_request', code, cursor);
    await settled();
    return toClient[1]?.content as { found: boolean; data: Record<string, string> };
  };
  const usage = await help('%%prometheus prod --list x\nup', 5);
  t.match(usage, { status: 'ok', found: true });
  t.match(
    usage.data['text/plain'],
    /^%%prometheus \[CONNECTION\].*\n.*PromQL\n.*--step VALUE.*Connections: prod, stage$/ms,
  );
  t.match(
    (await help('%%prometheus prod --list x\nup', 14)).data['text/plain'],
    'prod: a connection of type',
  );
  t.match((await help('%%prometheus prod --list x\nup', 20)).data['text/plain'], /^--list VALUE/);
  t.match((await help('%%prometheus prod --list x\nup', 26)).data['text/plain'], /^--list VALUE/);
  t.match((await help('%%spin', 3)).data['text/plain'], 'PROCESSOR: one of python, shell, rest');
  t.same(await help('%%prometheus prod --list x\nup', 28), {
    status: 'ok',
    found: false,
    data: {},
    metadata: {},
  });
});
