import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import t from 'tap';
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
