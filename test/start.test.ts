import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { findIsolation } from '../gateway/jupyter/user.js';
import { jupyterEnvironment } from './support/jupyter.js';
import { until } from './support/until.js';

const program = fileURLToPath(new URL('../gateway/cli.js', import.meta.url));
const TOKEN = 'canary-token-0123456789';

t.setTimeout(240_000);

/** Starts a gateway that is to end by itself. */
async function ended(env: Record<string, string>) {
  const child = spawn(process.execPath, [program], { env: { PATH: process.env.PATH ?? '', ...env } });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { stdout, stderr, status };
}

t.test('A7: what stops a start is said first, before a login link and before it listens', async (t) => {
  const home = t.testdir({ etc: { 'connections.yaml': 'connections: {}\n' } });
  const settings = { SPIN_HOME: home, SPIN_TOKEN: TOKEN, SPIN_PORT: '0' };
  const jupyter = await jupyterEnvironment();
  if ((await findIsolation()).kind === 'own-user') {
    // Open to everybody, as editors and `git clone` leave it.
    await chmod(join(home, 'etc', 'connections.yaml'), 0o644);
    const open = await ended({ ...settings, SPIN_JUPYTER: jupyter });
    t.match(open, {
      status: 69,
      stdout: '',
      stderr: /^spin-runtime: Notebook code runs as user \d+\. It can read /,
    });
    t.match(open.stderr, 'etc/connections.yaml: prevent this with chmod go-rwx');
  }
  // An environment that holds a bin/jupyter, and nothing else.
  const empty = t.testdir({ bin: { jupyter: '', python3: '#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n' } });
  await chmod(join(empty, 'bin', 'python3'), 0o755);
  const useless = await ended({ ...settings, SPIN_HOME: `${home}/2`, SPIN_JUPYTER: empty });
  t.match(useless, { status: 69, stdout: '', stderr: /^spin-runtime: SPIN_JUPYTER=.* lacks /m });
});

/** Runs the program at a terminal of its own, which Python's pty makes, and interrupts it when it has shown a text. */
async function atTerminal(columns: number, env: Record<string, string>, wanted: string): Promise<string> {
  const code = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)';
  const sized = `stty cols ${columns}; exec "$@"`;
  const child = spawn('python3', ['-c', code, 'sh', '-c', sized, 'sh', process.execPath, program], {
    env: { PATH: process.env.PATH ?? '', TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const ended = once(child, 'exit');
  await until(() => said.includes(wanted) || child.exitCode !== null, 120_000);
  // Ctrl-C, as the terminal's line discipline takes it.
  child.stdin.write('\x03');
  await ended;
  return said;
}

t.test('A1: at a terminal the summary is last, and no line is JSON', async (t) => {
  const settings = {
    SPIN_HOME: t.testdir({}),
    SPIN_TOKEN: TOKEN,
    SPIN_PORT: '0',
    SPIN_JUPYTER: await jupyterEnvironment(),
    NO_COLOR: '1',
  };
  const said = await atTerminal(80, settings, 'connections  none');
  const lines = said
    .split('\r\n')
    .map((line) => line.slice(line.lastIndexOf('\r') + 1).replace('\x1b[K', ''));
  t.notOk(
    lines.some((line) => line.startsWith('{')),
    'for people',
  );
  t.notMatch(said, '\x1b[3', 'NO_COLOR');
  const open = lines.findIndex((line) => /^open {9}http:\S+\/spin\/login\?code=\S+$/.test(line));
  t.match(lines.slice(open, open + 4), [
    /^open /,
    '             once, within 10 minutes; again: node dist/gateway/cli.js login-url',
    `notebooks    ${settings.SPIN_HOME}/var/notebooks`,
    /^connections {2}none; add them to/,
  ]);
  t.ok(open > lines.findIndex((line) => line.endsWith(' Jupyter is ready')), 'when Jupyter is there');
  t.notMatch(lines.slice(open + 5).join('\n'), /created a|starting|waiting for Jupyter/, 'last');
});
