import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { startRun } from '../support/notebooks.js';

t.test('S15: a notebook that comes without end ends with the run’s time, or by a signal', async (t) => {
  let began = () => {};
  const server = createServer((req, res) => {
    res.writeHead(200);
    res.write('{');
    // A request of the run before may be taken in when that has ended.
    if (req.url === '/stopped.ipynb') began();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { SPIN_HOME: t.testdir({}), SPIN_UPSTREAM: 'http://127.0.0.1:9' };
  const timed = await startRun(['run', `${origin}/timed.ipynb`], { ...env, MAX_DURATION: '2' }, t.testdirName)
    .ended;
  t.equal(timed.status, 124, timed.stderr);
  t.match(timed.stderr, /before its notebook arrived/);

  const asked = new Promise<void>((resolve) => {
    began = resolve;
  });
  const run = startRun(['run', `${origin}/stopped.ipynb`], env, t.testdirName);
  await asked;
  run.kill('SIGTERM');
  const stopped = await run.ended;
  t.equal(stopped.status, 143, stopped.stderr);
});

t.test('S15: what is not a file is not read: a device has no end', async (t) => {
  const env = { SPIN_HOME: t.testdir({}), SPIN_UPSTREAM: 'http://127.0.0.1:9' };
  for (const path of ['/dev/zero', '/dev']) {
    const args = ['run', path, '-o', join(t.testdirName, 'o.ipynb')];
    const { status, stderr } = await startRun(args, env).ended;
    t.equal(status, 78);
    t.match(stderr, new RegExp(`${path} is not a file`));
  }
});
