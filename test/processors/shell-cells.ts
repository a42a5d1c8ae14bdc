import type { Test } from 'tap';
import type { StockJupyterOptions } from '../support/jupyter.js';
import { until } from '../support/until.js';
import { startKernel } from './kernel.js';
import { CANARY } from './python-cells.js';

/** What shell cells do in a real kernel. */
export async function testShellCells(t: Test, options: StockJupyterOptions = {}): Promise<void> {
  const { kernel, connect, jupyter, id, headers } = await startKernel(
    t,
    { 'runtime_env:KEY': CANARY },
    options,
  );
  await kernel.send('import os, subprocess, time; n = 7; d = {"k": ["ä ✓"]}');

  /** A process that was killed is there until it is given the processor once more. */
  const areGone = async (command: string) =>
    (await kernel.send(`subprocess.run(["pgrep", "-fx", "${command}"]).returncode`)).shown === '1';

  t.test('C8: runs a script and shows what it says, nothing else', async (t) => {
    const ran = await kernel.run('%%shell\necho ä ✓; echo oops >&2; pwd');
    t.match(ran, {
      status: 'ok',
      stdout: `ä ✓\n${jupyter.rootDir}\n`,
      stderr: 'oops\n',
      shown: '',
    });
  });

  t.test('C2: a question about a cell is answered, and is no error', async (t) => {
    for (const cell of ['%%shell?', '%%shell --help\nexit 1', '%%spin shell?']) {
      const ran = await kernel.run(cell);
      t.match(ran, { status: 'ok', stdout: /^%%shell \[--OPTION …\]\n {2}runs a bash script\nOptions:\n/ });
      t.match(ran.stdout, /\nExample:\n {2}%%shell /);
    }
    t.match(await kernel.run('%%spin?'), { status: 'ok', stdout: /%%prometheus/ });
  });

  t.test('fails the cell when the script fails', async (t) => {
    const ran = await kernel.run('%%shell\necho a\nexit 3');
    t.match(ran, {
      status: 'error',
      stdout: 'a\n',
      ename: 'SpinError',
      error: 'The script ended with exit status 3.',
    });
    t.match(await kernel.run('%%shell\nkill -9 $$'), {
      error: 'The script ended with exit status 137 (SIGKILL).',
    });
    t.match(await kernel.run('%%shell\nif true'), { error: /exit status 2/, stderr: /line 2: syntax error/ });
  });

  t.test('hands values over byte for byte, by variables that are not exported', async (t) => {
    const ran = await kernel.run('%%shell --out a\nprintf %s {{runtime_env:KEY}}; env | grep -c c4n || true');
    t.equal(ran.stdout, `${CANARY}0\n`);
    t.match(await kernel.send('len(a)'), { shown: String(CANARY.length + 2) });
  });

  t.test('does not export a variable that the environment happens to hold', async (t) => {
    await kernel.send('os.environ.update(__runtime_env_KEY="old", SHELLOPTS="allexport")');
    const ran = await kernel.run('%%shell\nprintf %s {{runtime_env:KEY}}; env | grep -c c4n || true');
    t.equal(ran.stdout, `${CANARY}0\n`);
    await kernel.send('del os.environ["__runtime_env_KEY"], os.environ["SHELLOPTS"]');
  });

  t.test('takes variables of the kernel', async (t) => {
    const ran = await kernel.run(`%%shell\necho {{n}} {{d['k'][0]}} {{n.real}} '\\{{n}}'`);
    t.match(ran, { stdout: '7 ä ✓ 7 {{n}}\n' });
    t.match(await kernel.run('%%shell\necho hit\necho {{nope}}'), { stdout: '', error: /no variable nope/ });
    t.match(await kernel.run('%%shell\necho {{d}}'), { stdout: '', error: /{{d}} is a dict/ });
    t.match(await kernel.run("%%shell --raw\necho '{{n}}'"), { stdout: '{{n}}\n' });
  });

  t.test('shows output while the script runs', async (t) => {
    let seen = '';
    const onOutput = (text: string) => {
      seen += text;
    };
    const running = kernel.run('%%shell\necho first\nwhile [ ! -e go ]; do sleep 0.05; done\necho second', {
      onOutput,
    });
    await until(() => seen === 'first\n');
    const other = await fetch(`${jupyter.url}/api/contents/go`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ type: 'file', format: 'text', content: '' }),
    });
    t.ok(other.ok);
    t.match(await running, { stdout: 'first\nsecond\n' });
  });

  t.test('keeps characters whole that come in pieces', async (t) => {
    const ran = await kernel.run(`%%shell\nprintf '\\xe2\\x9c'; sleep 0.3; printf '\\x93 \\xff'`);
    t.equal(ran.stdout, '✓ \ufffd');
  });

  t.test('ends a script and what it started after --timeout', async (t) => {
    const ran = await kernel.run(
      `%%shell --timeout 3\ntrap '' INT TERM\nsleep 71 &\necho a\nwhile :; do sleep 71; done`,
    );
    t.match(ran, { status: 'error', stdout: 'a\n', error: 'The script was ended after 3 s (--timeout).' });
    await until(() => areGone('sleep 71'));
    t.pass('nothing of it is left');
  });

  t.test('an interrupt ends it with everything that it started', async (t) => {
    let started = false;
    const running = kernel.run('%%shell\nsleep 72 &\necho a\nsleep 72', {
      onOutput: () => {
        started = true;
      },
    });
    await until(() => started);
    await fetch(`${jupyter.url}/api/kernels/${id}/interrupt`, { method: 'POST', headers });
    t.match(await running, { status: 'error', ename: 'KeyboardInterrupt' });
    await until(() => areGone('sleep 72'));
    t.pass('nothing of it is left');
  });

  t.test('what runs on in the background neither holds the cell nor dies of it', async (t) => {
    const ran = await kernel.run('%%shell\n(sleep 1; echo late; echo ran > late) &\necho now');
    t.match(ran, { status: 'ok', stdout: 'now\n' });
    await until(async () => (await kernel.send('open("late").read()')).shown === "'ran\\n'");
  });

  t.test('nothing of a script or a value is an argument of a process', async (t) => {
    await connect();
    const ran = await kernel.run(
      '%%shell\necho {{runtime_env:KEY}} > /dev/null; tr "\\0" " " < /proc/$$/cmdline; tr "\\0" "\\n" < /proc/$$/environ | grep -c c4n || true',
    );
    t.equal(
      ran.stdout,
      'bash -c eval "$(</dev/stdin)" </dev/null 0\n'.replace('bash', ran.stdout.split(' ')[0] ?? ''),
    );
  });

  t.test('more output and a longer script than a pipe holds', async (t) => {
    const long = `: ${'x'.repeat(200_000)}`;
    const ran = await kernel.run(
      `%%shell --out big\n${long}\nhead -c 400000 /dev/zero | tr '\\0' a > all; cat all`,
    );
    t.equal(ran.status, 'ok');
    t.match(await kernel.send('len(big)'), { shown: '400000' });
  });

  t.test('says when there is no bash', async (t) => {
    await kernel.send('path = os.environ["PATH"]; os.environ["PATH"] = ""');
    t.match(await kernel.run('%%shell\necho a'), { error: /needs bash/ });
    await kernel.send('os.environ["PATH"] = path');
  });
}
