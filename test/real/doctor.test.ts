import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

const program = fileURLToPath(new URL('../../gateway/cli.js', import.meta.url));
/** Debian's `nobody`. */
const NOBODY = 65534;

t.setTimeout(120_000);

async function folderFor(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  await chmod(folder, 0o755);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What a command says, and how it ends, with a home on which the test has its hands. */
function said(command: readonly string[], env: Readonly<Record<string, string>>) {
  const [file = '', ...args] = command;
  const all = {
    PATH: process.env.PATH ?? '',
    SPIN_PORT: '0',
    SPIN_TOKEN: 'a-token-0123456789',
    SPIN_UPSTREAM: 'http://127.0.0.1:9',
    ...env,
  };
  return new Promise<{ status: unknown; text: string }>((resolve) => {
    const child = execFile(file, args, { env: all }, (error, stdout, stderr) =>
      resolve({ status: error?.code ?? 0, text: stdout + stderr }),
    );
    // A gateway that has started has said what there is to say.
    child.stdout?.on('data', (chunk) => {
      if (/^SPIN Runtime is at /m.test(String(chunk))) child.kill();
    });
  });
}

/** The doctor, in a name space of its own, where a small disk has been filled. */
function onSmallDisk(home: string, options: string, fill: string) {
  const at = join(home, 'var');
  const script = `mount -t tmpfs -o ${options} tmpfs "${at}"\n${fill}\nexec "$0" "$@"`;
  const name = ['unshare', '--mount', '--propagation', 'private', 'bash', '-c', script];
  return (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    said([...name, process.execPath, program, ...args], { SPIN_HOME: home, ...env });
}

t.test('X14: a full disk, on which only the state is', async (t) => {
  const home = await folderFor(t);
  await mkdir(join(home, 'var'));
  const filled = 'dd if=/dev/zero of="$SPIN_HOME/var/fill" bs=1k 2>/dev/null';
  const full = onSmallDisk(home, 'size=3m', filled);
  const { status, text } = await full(['doctor']);
  t.equal(status, 69);
  t.match(text, /^failed {3}disk .*0\.0 GB are free at \S+\/var\.\n {15,}→ Free some/m);
  const none = await full([], { SPIN_TOKEN: '' });
  t.match(none, { status: 78, text: /^SPIN_TOKEN: .*\(ENOSPC\)\.\n {4}Set SPIN_TOKEN, or free disk space/m });
  t.match(
    await full([]),
    { status: 0, text: /"file":"[^"]+","err":"ENOSPC".*the disk is full or read-only/ },
    'it starts, and says what is missing',
  );
});

t.test('a disk that takes no more files', async (t) => {
  const home = await folderFor(t);
  await mkdir(join(home, 'var'));
  const fill = 'for i in $(seq 30); do : > "$SPIN_HOME/var/$i"; done 2>/dev/null';
  const { text } = await onSmallDisk(home, 'size=400m,nr_inodes=20', `umask 077; ${fill}`)(['doctor']);
  t.match(text, /^failed {3}disk .*no inodes are left/m);
});

t.test('state that another user made, and the remedy for it', async (t) => {
  const home = await folderFor(t);
  await mkdir(join(home, 'var', 'tls'), { recursive: true, mode: 0o700 });
  await chown(join(home, 'var'), NOBODY, NOBODY);
  const asNobody = ['setpriv', '--reuid', String(NOBODY), '--clear-groups'];
  const run = (args: readonly string[]) =>
    said([...asNobody, process.execPath, program, ...args], { SPIN_HOME: home });
  t.match(await run([]), { status: 69, text: /EACCES.* doctor/ }, 'the start sends people there');
  const sick = await run(['doctor']);
  const [, remedy = ''] = /→ As root: (chown -R 65534 [^;]*);/.exec(sick.text) ?? [];
  t.match(sick.text, /^failed {3}state .*User 65534, who runs this command, cannot use \S+\/var\/tls\.$/m);
  await said(['bash', '-c', remedy], {});
  t.match((await run(['doctor'])).text, /^ok {7}state /m);
});

t.test('no Python', async (t) => {
  const home = await folderFor(t);
  const { status, text } = await said([process.execPath, program, 'doctor'], {
    PATH: dirname(await onlyNode(home)),
    SPIN_HOME: home,
    SPIN_UPSTREAM: '',
  });
  t.equal(status, 69);
  t.match(text, /^failed {3}Jupyter .*There is no python3 on PATH\. Install Python 3\.11/m);
});

/** A folder in which there is nothing to run but one thing that isn't Python. */
async function onlyNode(folder: string): Promise<string> {
  const file = join(folder, 'bin', 'nothing');
  await mkdir(dirname(file));
  await writeFile(file, '', { mode: 0o755 });
  return file;
}
