import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { environmentOf } from '../../gateway/config/runtime-env.js';
import { SCRIPTS } from '../../gateway/jupyter/command.js';
import { findPython } from '../../gateway/jupyter/python.js';

/** Ends, and leaves a process that says its id whenever it is asked to end, and goes on. */
const LEAVES = `
import os, signal, time
ready, tell = os.pipe()
if os.fork() == 0:
    signal.signal(signal.SIGTERM, lambda *_: print(os.getpid(), flush=True))
    os.write(tell, b"x")
    while True: time.sleep(60)
os.read(ready, 1)
`;

t.test(
  'what a command leaves is ended also when the keeper itself had to wait for the processor',
  async (t) => {
    const python = await findPython(environmentOf(process.env));
    const command = ['-I', '-S', join(SCRIPTS, 'keeper.py'), python, '-c', LEAVES];
    const keeper = spawn(python, command, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(keeper, 'exit');
    const [left] = await once(createInterface({ input: keeper.stdout }), 'line');
    t.teardown(() => existsSync(`/proc/${left}`) && process.kill(Number(left), 'SIGKILL'));
    keeper.kill('SIGSTOP');
    // Longer than both of its graces.
    await sleep(2_500);
    keeper.kill('SIGCONT');
    t.same(await ended, [0, null]);
    t.notOk(existsSync(`/proc/${left}`), 'it is gone');
  },
);
