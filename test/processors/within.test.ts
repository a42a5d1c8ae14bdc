import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bounded } from '../../processors/core/bounded.js';
import { within } from '../../processors/core/within.js';

t.test('what comes in time is given, and its failure too', async (t) => {
  const late = () => 'late';
  t.equal(await within(60_000, Promise.resolve('in time'), late), 'in time');
  t.equal(await within(60_000, 'known at once', late), 'known at once');
  await t.rejects(within(60_000, Promise.reject(new Error('it failed')), late), { message: 'it failed' });
});

t.test('what takes longer is not waited for, and what comes of it later harms nobody', async (t) => {
  let fail = (_: Error) => {};
  const work = new Promise<string>((_, reject) => {
    fail = reject;
  });
  t.equal(await within(1, work, () => 'late'), 'late');
  await t.rejects(
    within(1, work, () => {
      throw new Error('too late');
    }),
    { message: 'too late' },
  );
  fail(new Error('nobody listens'));
  await sleep(0);
});

t.test('S15: a body is read as far as it may be, and is let go beyond that', async (t) => {
  let isLetGo = false;
  async function* endless() {
    try {
      for (;;) yield Buffer.from('1234');
    } finally {
      isLetGo = true;
    }
  }
  async function* once() {
    yield Buffer.from('1234');
  }
  const tooLarge = () => new Error('too large');
  await t.rejects(buffer(bounded(endless(), 1_000, tooLarge)), { message: 'too large' });
  t.ok(isLetGo);
  t.equal(String(await buffer(bounded(once(), 4, tooLarge))), '1234');
});
