import t from 'tap';
import { decode, encode } from '../../gateway/channel/wire/codec.js';
import { encodeV1 } from '../../gateway/channel/wire/v1.js';
import type { Page } from '../../processors/core/pages.js';
import type { Brokered } from '../../processors/core/processor.js';
import type { Value } from '../../processors/core/value.js';
import { conversation, rewriteTo, type Said } from '../support/conversation.js';
import { until } from '../support/until.js';

const NONCE = 'nonce-of-the-cell';

/** A cell whose request gives these pages and notes what happened to it. */
function brokeredCell(
  pages: readonly Page[],
  options: { readonly waits?: boolean; readonly timeout?: number } = {},
) {
  const performed: { values: ReadonlyMap<string, Value>; signal: AbortSignal }[] = [];
  const work: Brokered = {
    kind: 'brokered',
    name: 'service',
    connection: 'prod',
    args: {},
    variables: [],
    timeout: options.timeout,
    async *perform(values, signal) {
      performed.push({ values, signal });
      yield* pages;
      if (options.waits) {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      }
    },
  };
  const talk = conversation({
    rewrites: { cell: () => rewriteTo('__spin__.service()', { broker: { nonce: NONCE, work } }) },
  });
  const start = async () => {
    talk.execute('cell-1', 'cell');
    await until(() => talk.toKernel.length === 1);
    talk.reply(talk.toKernel[0]?.header.msg_id, 'ok');
    await until(() => talk.toKernel.length === 2);
  };
  let asked = 0;
  const ask = (prompt: string, parent = 'cell-1') =>
    talk.kernel('stdin', {
      header: { msg_id: `question-${asked++}`, msg_type: 'input_request', session: 'kernel' },
      parent_header: { msg_id: parent },
      content: { prompt, password: false },
    });
  const question = (page: unknown, nonce: unknown = NONCE, values: unknown = {}) =>
    `spin-broker:${JSON.stringify({ nonce, page, values })}`;
  const answers = (): Said[] => talk.toKernel.filter(({ header }) => header.msg_type === 'input_reply');
  const answer = async (count: number) => {
    await until(() => answers().length === count);
    return String(answers()[count - 1]?.content.value);
  };
  const seen = () => talk.toClient.filter(({ header }) => header.msg_type === 'input_request').length;
  return { talk, start, ask, question, answers, answer, seen, performed };
}

const TEXT: Page = { kind: 'text', text: 'result' };

t.test('S12: a cell gets what it compiled to, page by page, unseen by its client', async (t) => {
  const cell = brokeredCell([TEXT]);
  await cell.start();
  t.equal(cell.talk.toKernel[1]?.content.allow_stdin, true, 'whatever its client does with questions');
  const values = { n: { type: 'number', value: '1' }, forged: { type: 'code', value: 'x' } };
  cell.ask(cell.question(0, NONCE, values));
  t.equal(await cell.answer(1), `${NONCE} 0 last\n${JSON.stringify(TEXT)}`);
  cell.ask(cell.question(1));
  t.equal(await cell.answer(2), `${NONCE} 1 last\n{"kind":"end"}`);
  t.equal(cell.performed.length, 1);
  t.same([...(cell.performed[0]?.values.keys() ?? [])], ['n'], 'what is not a typed value is left out');
  t.equal(cell.seen(), 0);
});

const forged: Readonly<Record<string, (cell: ReturnType<typeof brokeredCell>) => void>> = {
  'another nonce': (cell) => cell.ask(cell.question(0, 'other')),
  'no nonce': (cell) => cell.ask('spin-broker:{}'),
  'no JSON': (cell) => cell.ask('spin-broker:x'),
  'a later page': (cell) => cell.ask(cell.question(1)),
  'a page that is no number': (cell) => cell.ask(cell.question('0')),
};
for (const [what, ask] of Object.entries(forged)) {
  t.test(`S12: a question with ${what} gets nothing, and ends the request`, async (t) => {
    const cell = brokeredCell([TEXT]);
    await cell.start();
    ask(cell);
    t.equal(await cell.answer(1), '');
    t.equal(cell.performed.length, 0);
    cell.ask(cell.question(0));
    t.equal(cell.answers().length, 1, 'and the right question comes too late');
    t.equal(cell.performed.length, 0);
  });
}

t.test('S12: a page is given once', async (t) => {
  const cell = brokeredCell([TEXT, TEXT]);
  await cell.start();
  cell.ask(cell.question(0));
  await cell.answer(1);
  cell.ask(cell.question(0));
  t.equal(await cell.answer(2), '');
  t.equal(cell.performed[0]?.signal.aborted, true);
});

t.test('S12: a question that does not wait for the answer to the one before ends the request', async (t) => {
  const cell = brokeredCell([TEXT, TEXT], { waits: true });
  await cell.start();
  for (let page = 0; page < 1_000; page++) cell.ask(cell.question(page));
  t.equal(await cell.answer(1), '');
  t.equal(cell.performed[0]?.signal.aborted, true);
  t.equal(cell.answers().length, 1, 'and the others are questions of nobody');
});

/** JSON as code in a kernel can write it, in the header of a question: its length has to stay what a person could write. */
const oddJson: Readonly<Record<string, string>> = {
  NaN: '{"session": "kernel", "x": NaN}',
  Infinity: '{"x": [Infinity, -Infinity]}',
  'huge numbers': `{"x": 1${'0'.repeat(5000)}, "y": 1e999}`,
  'deep nesting': `{"x": ${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
  'members that are no texts': '{"session": {"toString": 1}, "date": NaN, "__proto__": {"msg_id": 5}}',
};
for (const [what, json] of Object.entries(oddJson)) {
  for (const part of ['header', 'parent_header', 'metadata', 'content'] as const) {
    t.test(`X2: a question with ${what} in its ${part} is answered like any other`, async (t) => {
      const cell = brokeredCell([TEXT]);
      await cell.start();
      const parts = {
        header: '{"msg_id": "question", "msg_type": "input_request", "session": "kernel"}',
        parent_header: '{"msg_id": "cell-1"}',
        metadata: '{}',
        content: JSON.stringify({ prompt: cell.question(0), password: false }),
      };
      parts[part] = `${json.slice(0, -1)}, ${parts[part].slice(1)}`;
      const { data } = encode('v1', 'stdin', parts);
      cell.talk.channel.fromKernel(Buffer.from(data), true);
      await until(() => cell.talk.raw.toKernel.length === 3);
      const frame = decode('v1', Buffer.from(cell.talk.raw.toKernel[2]?.data ?? ''), true);
      t.match(JSON.parse(frame.text('content')).value, `${NONCE} 0 last\n`);
      t.equal(frame.text('parent_header'), parts.header);
      t.same(cell.talk.faults, []);
    });
  }
}

for (const value of [
  'NaN',
  '-Infinity',
  `1${'0'.repeat(5000)}`,
  `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
]) {
  t.test(`X2: ${value.slice(0, 9)} in what a cell asks is a value that is left out`, async (t) => {
    const cell = brokeredCell([TEXT]);
    await cell.start();
    cell.ask(`spin-broker:{"nonce": "${NONCE}", "page": 0, "values": {"x": ${value}}}`);
    t.match(await cell.answer(1), `${NONCE} 0 last\n`);
    t.equal(cell.performed[0]?.values.size, 0);
  });
}

t.test('X2: an answer that fails to be made ends its own connection, and is nobody else’s', async (t) => {
  const cell = brokeredCell([TEXT]);
  await cell.start();
  const { toKernel } = cell.talk;
  toKernel.push = () => {
    throw new Error('the socket is gone');
  };
  cell.ask(cell.question(0));
  await until(() => cell.talk.faults.length === 1);
  t.match(cell.talk.faults, [{ message: 'the socket is gone' }]);
});

t.test('X8: a question beyond a few megabytes is refused with a sentence, and not parsed', async (t) => {
  const cell = brokeredCell([TEXT]);
  await cell.start();
  // No JSON: whoever parses it fails.
  const content = Buffer.alloc(180e6, '[');
  const head = { header: '{"msg_id":"q","msg_type":"input_request"}', parent_header: '{"msg_id":"cell-1"}' };
  const frame = encodeV1(['stdin', head.header, head.parent_header, '{}', content], []);
  const start = performance.now();
  cell.talk.channel.fromKernel(frame, true);
  t.ok(performance.now() - start < 1000, 'at once');
  t.match(
    await cell.answer(1),
    `${NONCE} 0 last\n{"kind":"error","sentence":"The variables of this cell are 180 MB;`,
  );
  t.equal(cell.performed.length, 0);
  t.same(cell.talk.faults, []);
});

const text = (value: string) => ({ type: 'text', value });
const nested = (depth: number): unknown =>
  depth === 0 ? text('x') : { type: 'list', value: [nested(depth - 1)] };
/** Values as no helper writes them, and whether they are taken. */
const odd: Readonly<Record<string, readonly [value: unknown, taken: boolean]>> = {
  nothing: [null, false],
  'a text that is a number': [{ type: 'text', value: 5 }, false],
  'NaN as a number': [{ type: 'number', value: 'NaN' }, false],
  'a number with code behind it': [{ type: 'number', value: '1; drop table a' }, false],
  'an unknown type': [{ type: 'code', value: 'x' }, false],
  'half of a surrogate pair': [text('\ud800'), true],
  'a list in twenty lists': [nested(20), true],
  'a list in more of them': [nested(21), false],
  'a very deep one': [nested(2_000), false],
  'an object with odd names': [
    { type: 'object', value: JSON.parse('{"__proto__": {"type": "text", "value": "x"}}') },
    true,
  ],
  'an object that holds no values': [{ type: 'object', value: { a: 'x' } }, false],
  'a table whose rows are too short': [
    { type: 'table', value: { columns: ['a', 'b'], rows: [['x']], total: 1, all_columns: 2 } },
    false,
  ],
};
for (const [what, [value, taken]] of Object.entries(odd)) {
  t.test(`S12, S14: ${what} ${taken ? 'is a value' : 'is left out'}`, async (t) => {
    const cell = brokeredCell([TEXT]);
    await cell.start();
    const values = JSON.parse(`{"__proto__": ${JSON.stringify(value)}, "a": ${JSON.stringify(value)}}`);
    cell.ask(cell.question(0, NONCE, values));
    t.match(await cell.answer(1), 'result');
    t.same([...(cell.performed[0]?.values.keys() ?? [])], taken ? ['__proto__', 'a'] : []);
    t.equal(({} as { type?: unknown }).type, undefined, 'no prototype was changed');
  });
}

t.test(
  'S12: an execution that is none of a brokered cell is asked of its client, like any input()',
  async (t) => {
    const cell = brokeredCell([TEXT]);
    await cell.start();
    cell.ask(cell.question(0), 'another-cell');
    t.equal(cell.seen(), 1);
    t.equal(cell.answers().length, 0);
    t.equal(cell.performed.length, 0);
  },
);

t.test('S12: nothing is left to ask once the cell has ended', async (t) => {
  const cell = brokeredCell([TEXT, TEXT], { waits: true });
  await cell.start();
  cell.ask(cell.question(0));
  await cell.answer(1);
  cell.talk.reply('cell-1', 'error');
  t.equal(cell.performed[0]?.signal.aborted, true, 'its request is cancelled');
  cell.ask(cell.question(1));
  t.equal(cell.answers().length, 1);
});

t.test('S12: a client that leaves, and a kernel that restarts, cancel the request', async (t) => {
  for (const end of ['close', 'restart'] as const) {
    const cell = brokeredCell([TEXT], { waits: true });
    await cell.start();
    cell.ask(cell.question(0));
    await cell.answer(1);
    if (end === 'close') cell.talk.channel.close();
    else {
      cell.talk.kernel('iopub', {
        header: { msg_type: 'status' },
        content: { execution_state: 'restarting' },
      });
    }
    t.equal(cell.performed[0]?.signal.aborted, true, end);
    cell.ask(cell.question(1));
    t.equal(cell.answers().length, 1, 'its nonce is worth nothing any more');
  }
});

t.test('S12: a request that takes too long ends with a sentence', async (t) => {
  const cell = brokeredCell([], { waits: true, timeout: 0.01 });
  await cell.start();
  cell.ask(cell.question(0));
  t.match(await cell.answer(1), /"kind":"error".*took longer than 0\.01 s.*--timeout/);
});

t.test('a slow request tells how far it is, and is not asked twice', async (t) => {
  const cell = brokeredCell([{ kind: 'progress', text: 'job 7 is running' }], { waits: true });
  await cell.start();
  cell.ask(cell.question(0));
  t.match(await cell.answer(1), /^\S+ 0 last\n\{"kind":"progress","text":"job 7 is running, \d+ s"\}$/);
  cell.ask(cell.question(1));
  t.match(await cell.answer(2), /^\S+ 1 last\n.*"progress"/);
  t.equal(cell.performed.length, 1);
});

t.test('a large page comes in pieces of at most 1 MiB that make it up again', async (t) => {
  const text = '"é😀\n'.repeat(700_000);
  const cell = brokeredCell([{ kind: 'text', text }]);
  await cell.start();
  let json = '';
  for (let page = 0; ; page++) {
    cell.ask(cell.question(page));
    const value = await cell.answer(page + 1);
    t.ok(Buffer.byteLength(JSON.stringify(value)) <= 1024 * 1024, `piece ${page}`);
    const [head = '', ...rest] = value.split('\n');
    json += rest.join('\n');
    if (head.endsWith('last')) break;
  }
  t.ok(JSON.parse(json).text === text);
});

t.test('S13: a processor that fails gives a sentence without its message', async (t) => {
  const cell = brokeredCell([]);
  const work: Brokered = {
    kind: 'brokered',
    name: 'service',
    connection: 'prod',
    args: {},
    variables: [],
    timeout: undefined,
    perform() {
      throw new Error('canary in a message');
    },
  };
  const talk = conversation({
    rewrites: { cell: () => rewriteTo('__spin__.service()', { broker: { nonce: NONCE, work } }) },
  });
  talk.execute('cell-1', 'cell');
  await until(() => talk.toKernel.length === 1);
  talk.reply(talk.toKernel[0]?.header.msg_id, 'ok');
  await until(() => talk.toKernel.length === 2);
  talk.kernel('stdin', {
    header: { msg_type: 'input_request' },
    parent_header: { msg_id: 'cell-1' },
    content: { prompt: cell.question(0) },
  });
  await until(() => talk.toKernel.length === 3);
  t.match(String(talk.toKernel[2]?.content.value), /"kind":"error".*its log says more/);
  t.notMatch(JSON.stringify(talk.toKernel), 'canary');
});
