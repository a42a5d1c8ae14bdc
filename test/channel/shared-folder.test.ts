import { mock } from 'node:test';
import t from 'tap';
import { createAsk, READING, WRITING } from '../../gateway/channel/hidden/shared-folder.js';

const never = () => new Promise<never>(() => {});

t.test('a folder that hangs counts as away: soon for who reads, later for who writes', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  for (const limits of [READING, WRITING]) {
    let fault: unknown;
    const asked = createAsk(limits)('Check it.', never).catch((error: unknown) => {
      fault = error;
    });
    mock.timers.tick(limits.patienceMs - 1);
    await new Promise(setImmediate);
    t.equal(fault, undefined, 'there is still time');
    mock.timers.tick(1);
    await asked;
    t.match(fault, { code: 'SHARED_FOLDER_AWAY', message: 'Check it.' });
  }
});

t.test('a write that hangs keeps nobody from reading, and node one thread', async (t) => {
  const [ask, write] = [createAsk(READING), createAsk(WRITING)];
  write('Check it.', never).catch(() => {});
  ask('Check it.', never).catch(() => {});
  t.equal(await ask('Check it.', async () => 'read'), 'read');
  t.ok(READING.atOnce + WRITING.atOnce < 4, 'of its four');
});
