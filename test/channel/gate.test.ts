import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { Gate } from '../../gateway/channel/feed/gate.js';
import { Looks } from '../../gateway/channel/feed/looks.js';
import type { Frame, Payload } from '../../gateway/channel/wire/frame.js';
import { frameOf, type Parts, payloadOf } from '../support/frames.js';

/** A gate whose looks end when a test says so. */
function gate() {
  const looks: { resolve(): void; reject(error: Error): void }[] = [];
  const passed: unknown[] = [];
  const waits: boolean[] = [];
  const faults: unknown[] = [];
  const under = new Gate<{ readonly frame: Frame }>({
    looks: new Looks(() => new Promise((resolve, reject) => looks.push({ resolve, reject }))),
    pass: ({ frame }) => passed.push(JSON.parse(frame.text('content')).n),
    onWait: (waiting) => waits.push(waiting),
    onFault: (error) => faults.push(error),
  });
  let n = 0;
  const say = (channel: string, parts: Parts) => {
    const header = { msg_id: `message ${n}`, ...parts.header };
    const payload: Payload = payloadOf('v1', channel, {
      ...parts,
      header,
      content: { ...parts.content, n: n++ },
    });
    const frame = frameOf('v1', payload);
    if (!under.keeps({ frame })) passed.push(n - 1);
  };
  const status = (msg_id: string, execution_state: string) =>
    say('iopub', { header: { msg_type: 'status' }, parent_header: { msg_id }, content: { execution_state } });
  const show = (msg_id: string) =>
    say('iopub', { header: { msg_type: 'stream' }, parent_header: { msg_id }, content: { text: 'x' } });
  const reply = (channel: string, msg_id: string) =>
    say(channel, { header: { msg_type: 'execute_reply' }, parent_header: { msg_id } });
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  /** Ends the last look. */
  const found = async () => {
    looks.at(-1)?.resolve();
    await settled();
  };
  return { gate: under, looks, passed, waits, faults, status, show, reply, found, settled };
}

t.test('S10: nothing of a cell passes before its values can be known', async (t) => {
  const { status, show, passed, looks, found } = gate();
  status('a', 'busy');
  show('a');
  show('thread of an older cell');
  t.same(passed, []);
  await found();
  t.same(passed, [0], 'another request has been heard of meanwhile');
  await found();
  t.same(passed, [0, 1, 2]);
  t.equal(looks.length, 2);
});

t.test('what goes on of it passes without a look', async (t) => {
  const { status, show, passed, looks, waits, found } = gate();
  status('a', 'busy');
  await found();
  for (let each = 0; each < 100; each++) show('a');
  status('a', 'idle');
  t.equal(passed.length, 102);
  t.equal(looks.length, 1);
  t.same(waits, [true, false]);
});

t.test(
  'each busy is looked for, whatever its id; and the first word of a request whose busy was lost',
  async (t) => {
    const { status, show, passed, looks, found } = gate();
    status('a', 'busy');
    await found();
    status('a', 'idle');
    status('a', 'busy');
    t.equal(looks.length, 2);
    await found();
    show('b');
    t.equal(looks.length, 3);
    await found();
    t.same(passed, [0, 1, 2, 3]);
  },
);

t.test('on other channels every message is looked for: they may overtake iopub', async (t) => {
  const { status, reply, looks, passed, found } = gate();
  status('a', 'busy');
  await found();
  for (const channel of ['shell', 'control', 'stdin']) {
    reply(channel, 'a');
    await found();
  }
  t.equal(looks.length, 4);
  t.same(passed, [0, 1, 2, 3]);
});

t.test('what comes while it looks waits, in order, and is looked for once together', async (t) => {
  const { status, show, reply, looks, passed, found } = gate();
  status('a', 'busy');
  reply('shell', 'a');
  status('b', 'busy');
  show('a');
  t.equal(looks.length, 1);
  await found();
  t.same(passed, [0]);
  t.equal(looks.length, 2);
  await found();
  t.same(passed, [0, 1, 2, 3]);
});

t.test('S13: after a look that failed nothing passes any more', async (t) => {
  const { gate: under, status, show, looks, passed, faults, waits, settled } = gate();
  status('a', 'busy');
  const { settled: over } = under;
  looks[0]?.reject(new Error('away'));
  await settled();
  await over;
  show('a');
  status('b', 'busy');
  await settled();
  t.same(passed, []);
  t.equal(faults.length, 1);
  t.same(waits, [true, false]);
  t.equal(looks.length, 1);
});

t.test('closed, it forgets what waits', async (t) => {
  const { gate: under, status, passed, found } = gate();
  status('a', 'busy');
  under.close();
  await found();
  t.same(passed, []);
  t.equal(under.settled, undefined);
});

t.test('S15: it remembers a thousand requests, and no long id', async (t) => {
  const { show, looks, found } = gate();
  for (let each = 0; each <= 1000; each++) {
    show(`request ${each}`);
    await found();
  }
  show('request 1000');
  show('request 1');
  t.equal(looks.length, 1001, 'known');
  show('request 0');
  await found();
  t.equal(looks.length, 1002, 'forgotten');
  for (let each = 0; each < 2; each++) {
    show('x'.repeat(5000));
    await found();
  }
  t.equal(looks.length, 1004);
});

t.test('what is looked for on one client’s connection is known on the others', async (t) => {
  const looks: (() => void)[] = [];
  const shared = new Looks(() => new Promise((resolve) => looks.push(resolve)));
  const passed: string[] = [];
  const [first, second] = ['first', 'second'].map(
    (name) =>
      new Gate<{ readonly frame: Frame }>({
        looks: shared,
        pass: ({ frame }) => passed.push(`${name} ${frame.text('content')}`),
        onWait: () => {},
        onFault: (error) => t.fail(`${error}`),
      }),
  );
  const say = (under: typeof first, header: object, content: object, parent_header = { msg_id: 'a' }) => {
    const frame = frameOf('v1', payloadOf('v1', 'iopub', { header, parent_header, content }));
    if (!under?.keeps({ frame })) passed.push(`passed ${frame.text('content')}`);
  };
  const busy = [{ msg_type: 'status', msg_id: 'm1' }, { execution_state: 'busy' }] as const;
  const output = [{ msg_type: 'stream', msg_id: 'm2' }, { text: 'x' }] as const;
  say(first, ...busy);
  say(second, ...busy);
  say(second, ...output);
  t.equal(looks.length, 1, 'one look for both');
  t.same(passed, [], 'and both wait for it');
  looks[0]?.();
  await new Promise<void>((resolve) => setImmediate(resolve));
  say(first, ...output);
  t.same(passed.toSorted(), [
    'first {"execution_state":"busy"}',
    'passed {"text":"x"}',
    'second {"execution_state":"busy"}',
    'second {"text":"x"}',
  ]);
  t.equal(looks.length, 1);
});

t.test(
  'S10: what a connection brings first is looked for, whatever others have brought before',
  async (t) => {
    const looks: (() => void)[] = [];
    const shared = new Looks(() => new Promise((resolve) => looks.push(resolve)));
    const connection = () => {
      const passed: unknown[] = [];
      const under = new Gate<{ readonly frame: Frame }>({
        looks: shared,
        pass: ({ frame }) => passed.push(frame.text('content')),
        onWait: () => {},
        onFault: (error) => t.fail(`${error}`),
      });
      const say = (header: object, content: object, msg_id = 'thread') => {
        const frame = frameOf('v1', payloadOf('v1', 'iopub', { header, parent_header: { msg_id }, content }));
        if (!under.keeps({ frame })) passed.push(frame.text('content'));
      };
      return { say, passed };
    };
    const output = [{ msg_type: 'stream', msg_id: 'm2' }, { text: 'x' }] as const;
    const first = connection();
    first.say({ msg_type: 'status', msg_id: 'm1' }, { execution_state: 'busy' });
    looks[0]?.();
    await new Promise<void>((resolve) => setImmediate(resolve));
    t.equal(first.passed.length, 1);
    // Meanwhile another replica gives a value to a cell whose busy this connection does not bring.
    const second = connection();
    second.say(...output);
    t.same(
      [looks.length, second.passed],
      [2, []],
      'the value may have been given since the look of the first one',
    );
    looks[1]?.();
    await new Promise<void>((resolve) => setImmediate(resolve));
    second.say(...output);
    first.say(...output);
    t.same([looks.length, second.passed.length, first.passed.length], [2, 2, 2], 'and then no more');
  },
);

t.test('S15: what was looked for keeps nothing of a long message', async (t) => {
  const under = new Gate<{ readonly frame: Frame }>({
    looks: new Looks(async () => {}),
    pass: () => {},
    onWait: () => {},
    onFault: (error) => t.fail(`${error}`),
  });
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const kept = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = kept();
  for (let n = 0; n < 100; n++) {
    const payload = payloadOf('legacy', 'iopub', {
      header: { msg_id: `busy ${n}`, msg_type: 'status' },
      parent_header: { msg_id: `cell ${n}` },
      content: { execution_state: 'busy', filling: 'x'.repeat(1e6) },
    });
    under.keeps({ frame: frameOf('legacy', payload) });
    await under.settled;
  }
  t.ok(kept() - before < 20e6, `${Math.round((kept() - before) / 1e6)} MB after 100 messages of 1 MB`);
});
