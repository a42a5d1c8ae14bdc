import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import t from 'tap';
import { environmentOf } from '../../gateway/config/runtime-env.js';
import { setupEnvironment } from '../../gateway/jupyter/clean-environment.js';
import { run } from '../../gateway/jupyter/command.js';
import { processesWith, startEmbedded, startKernel } from '../support/embedded.js';

t.setTimeout(300_000);

const CANARY = 'spin-canary "\'$`{{\\ 9876543210';

t.test(
  "S10: no variable of the gateway's is in Jupyter's or a kernel's environment or command line",
  async (t) => {
    const names = [
      'SPIN_TOKEN',
      'API_KEY',
      'HTTPS_PROXY',
      'PIP_INDEX_URL',
      'PYTHONPATH',
      'JUPYTER_TOKEN',
      'AWS_SECRET_ACCESS_KEY',
    ];
    for (const name of names) process.env[name] = CANARY;
    const embedded = await startEmbedded();
    t.teardown(async () => {
      await embedded.close();
      for (const name of names) delete process.env[name];
    });
    const { socketPath = '' } = embedded.jupyter.source();
    const kernel = await startKernel(socketPath);
    t.teardown(() => kernel.close());
    // A kernel that starts has programs run that are gone before they can be looked at.
    t.equal(await kernel.run('print("started")'), 'started');

    const pids = await processesWith(dirname(socketPath));
    t.ok(pids.length >= 3, 'keeper, server and kernel');
    for (const pid of pids) {
      const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0');
      t.notMatch(environment.join('\n'), CANARY);
      t.strictSame(
        environment.filter((entry) => entry.startsWith('SPIN_')),
        [],
      );
      t.notMatch(await readFile(`/proc/${pid}/cmdline`, 'utf8'), CANARY);
    }
    t.equal(
      await kernel.run('import os; print([name for name, value in os.environ.items() if "canary" in value])'),
      '[]',
    );
  },
);

t.test(
  'S18: what sets Jupyter up gets no setting of the gateway, and as another user no value at all',
  async (t) => {
    const inherited = environmentOf({ ...process.env, SPIN_TOKEN: 'canary-token', KEY: 'canary-key' });
    const own = setupEnvironment(inherited, undefined);
    t.match(own, { PATH: process.env.PATH, KEY: 'canary-key' }, 'pip takes its settings from there');
    t.notMatch(JSON.stringify(own), 'canary-token');
    t.notMatch(JSON.stringify(setupEnvironment(inherited, { uid: 1, gid: 1 })), 'canary');

    process.env.KEY = 'canary-key';
    t.teardown(() => delete process.env.KEY);
    const { status, stdout } = await run('/bin/sh', ['-c', 'env']);
    t.equal(status, 0);
    t.match(stdout, /^PATH=/m);
    t.notMatch(stdout, 'canary');
  },
);
