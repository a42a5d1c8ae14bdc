import { join } from 'node:path';
import t from 'tap';
import { environmentOf } from '../../gateway/config/runtime-env.js';
import { run } from '../../gateway/jupyter/command.js';
import { withLock } from '../../gateway/jupyter/install-lock.js';
import { findPython } from '../../gateway/jupyter/python.js';

const python = await findPython(environmentOf(process.env));

t.test('two at once take turns, and the second is told that it waits', async (t) => {
  const path = join(t.testdir({}), 'lock');
  const order: string[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let begun = () => {};
  const began = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const first = withLock({ python, path, onWait: () => t.fail('the first waited') }, async () => {
    order.push('first begins');
    begun();
    await released;
    order.push('first ends');
  });
  await began;
  const onWait = () => {
    order.push('second waits');
    release();
  };
  await Promise.all([first, withLock({ python, path, onWait }, async () => order.push('second begins'))]);
  t.strictSame(order, ['first begins', 'second waits', 'first ends', 'second begins']);
});

t.test('a failure releases the lock', async (t) => {
  const path = join(t.testdir({}), 'lock');
  const work = async () => {
    throw new Error('no space');
  };
  await t.rejects(withLock({ python, path, onWait: () => {} }, work), { message: 'no space' });
  t.equal(await withLock({ python, path, onWait: () => {} }, async () => 'done'), 'done');
});

t.test('the lock of a process that was killed does not count', async (t) => {
  const path = join(t.testdir({}), 'lock');
  const take = `import fcntl, os, signal; f = open(${JSON.stringify(path)}, "a"); fcntl.flock(f, fcntl.LOCK_EX); os.kill(os.getpid(), signal.SIGKILL)`;
  t.equal((await run(python, ['-c', take])).status, 137);
  t.equal(await withLock({ python, path, onWait: () => t.fail('waited') }, async () => 'done'), 'done');
});

t.test('a signal ends the waiting', async (t) => {
  const path = join(t.testdir({}), 'lock');
  const ending = new AbortController();
  await withLock({ python, path, onWait: () => {} }, async () => {
    const second = withLock({ python, path, onWait: () => ending.abort(), signal: ending.signal }, async () =>
      t.fail('ran'),
    );
    await t.rejects(second, { message: /could not lock/ });
  });
});

t.test('a lock file that cannot be made is an error', async (t) => {
  const path = join(t.testdir({}), 'missing', 'lock');
  await t.rejects(
    withLock({ python, path, onWait: () => {} }, async () => t.fail('ran')),
    { message: /No such file/ },
  );
});
