import t from 'tap';
import { Lane, type Turn } from '../../gateway/channel/execution/lane.js';

function script() {
  const events: string[] = [];
  const finish = new Map<string, () => void>();
  let size = 0;
  const lane = new Lane((change) => {
    size += change;
  });
  const turn = (name: string, slow = false): Turn => ({
    bytes: 10,
    abort: () => void events.push(`abort ${name}`),
    run() {
      events.push(name);
      return slow ? new Promise<void>((resolve) => finish.set(name, resolve)) : undefined;
    },
  });
  return { events, lane, turn, finish: (name: string) => finish.get(name)?.(), size: () => size };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

t.test('a turn that needs no waiting runs at once', async (t) => {
  const { lane, turn, events, size } = script();
  lane.push(turn('a'));
  lane.push(turn('b'));
  t.same(events, ['a', 'b']);
  t.equal(size(), 0);
});

t.test('nothing overtakes a slow turn, and everything follows in order', async (t) => {
  const { lane, turn, events, finish, size } = script();
  lane.push(turn('slow', true));
  lane.push(turn('b'));
  lane.push(turn('slow too', true));
  lane.push(turn('d'));
  t.same(events, ['slow']);
  t.ok(size() >= 40, 'the bytes that wait are known');
  finish('slow');
  await settled();
  t.same(events, ['slow', 'b', 'slow too']);
  finish('slow too');
  await settled();
  t.same(events, ['slow', 'b', 'slow too', 'd']);
  t.equal(size(), 0);
});

t.test('a failed cell tells everything that waits, and nothing that comes later', async (t) => {
  const { lane, turn, events, finish } = script();
  lane.push(turn('slow', true));
  lane.push(turn('b'));
  lane.abort();
  lane.push(turn('c'));
  finish('slow');
  await settled();
  t.same(events, ['slow', 'abort slow', 'abort b', 'b', 'c']);
});
