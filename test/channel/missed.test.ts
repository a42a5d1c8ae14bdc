import t from 'tap';
import { Missed } from '../../gateway/channel/link/missed.js';
import { MessageWriter } from '../../gateway/channel/wire/messages.js';
import { frameOf, payloadOf } from '../support/frames.js';

const MB = 1024 * 1024;

function missed() {
  const under = new Missed(new MessageWriter('v1'));
  const say = (msg_type: string, content: object, parent = 'cell') => {
    const parts = { header: { msg_type }, parent_header: { msg_id: parent }, content };
    const payload = payloadOf('v1', 'iopub', parts);
    under.add(payload, frameOf('v1', payload));
  };
  const print = (text: string, parent?: string) => say('stream', { name: 'stdout', text }, parent);
  const got = () =>
    under.take().map((payload) => {
      const frame = frameOf('v1', payload);
      const content = JSON.parse(frame.text('content')) as Record<string, unknown>;
      return { content, parent: JSON.parse(frame.text('parent_header')) as Record<string, unknown> };
    });
  return { under, say, print, got };
}

t.test('what fits comes back as it was, in order, and once', async (t) => {
  const { print, say, got } = missed();
  print('a');
  say('status', { execution_state: 'idle' });
  print('b');
  t.same(
    got().map(({ content }) => content.text ?? content.execution_state),
    ['a', 'idle', 'b'],
  );
  t.same(got(), []);
});

t.test('output beyond the limit is cut, and a message says so in its place, on its cell', async (t) => {
  const { print, say, got } = missed();
  print('x'.repeat(5 * MB));
  print('y'.repeat(5 * MB));
  print('z'.repeat(5 * MB));
  say('status', { execution_state: 'idle' });
  const [first, notice, idle, ...more] = got();
  t.equal(String(first?.content.text).length, 5 * MB);
  t.match(notice, {
    parent: { msg_id: 'cell' },
    content: {
      name: 'stderr',
      text: /^Output was cut here: 2 messages \(10\.5 MB\) .*the gateway keeps 8 MB.*The cell itself went on\.\n$/,
    },
  });
  t.match(idle?.content, { execution_state: 'idle' }, 'what the client waits for comes');
  t.same(more, []);
});

t.test('each cell says what was cut of it', async (t) => {
  const { print, got } = missed();
  print('x'.repeat(8 * MB - 1000), 'first');
  for (const parent of ['first', 'first', 'second', 'second', 'second']) print('y'.repeat(MB), parent);
  const notices = got().slice(1);
  t.same(
    notices.map(({ parent, content }) => [parent.msg_id, /\d+ messages/.exec(String(content.text))?.[0]]),
    [
      ['first', '2 messages'],
      ['second', '3 messages'],
    ],
  );
});

t.test('S15: replies and states that no program sends do not fill the memory', async (t) => {
  const { say, print, got } = missed();
  for (let each = 0; each < 40; each++) say('status', { execution_state: 'x'.repeat(MB) }, `made up ${each}`);
  for (let each = 0; each < 100_000; each++) print('x', `another ${each}`);
  const all = got();
  const size = all.reduce((sum, { content, parent }) => sum + JSON.stringify([content, parent]).length, 0);
  t.ok(size < 24 * MB, `${size} bytes`);
  t.ok(all.length < 20_000, `${all.length} messages`);
  t.match(all.at(-1)?.content.text, /Output was cut here/);
});
