import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Home } from '../home.js';
import { CONFIGURATION, run, SCRIPTS } from './command.js';
import { jupyterFolders } from './folders.js';
import { JupyterSetupError } from './setup-error.js';
import type { UserId } from './user.js';

/** What is tried of each kind of path: to read it, to change it, to work in it. Each fits `test` of sh. */
type Kind = 'read' | 'write' | 'own';

/**
 * Prints the kind and the place, counted from 0, of each path that is open and should be closed, or the reverse. The
 * system's shell does it: it is there before Jupyter's environment is, and every user may run it.
 */
const SCRIPT = `
at=0
while [ $# -gt 0 ]; do
  case "$1" in
    read) if [ -r "$2" ]; then echo "read $at"; fi ;;
    write) if [ -w "$2" ]; then echo "write $at"; fi ;;
    own) if ! { [ -r "$2" ] && [ -w "$2" ] && [ -x "$2" ]; }; then echo "own $at"; fi ;;
  esac
  at=$((at + 1))
  shift 2
done
echo done`;

/**
 * Tries, as Jupyter's own user, to read the gateway's credentials and to change what the gateway or the
 * server executes (invariant S18). What isn't there yet is neither.
 *
 * @param environment Jupyter's environment
 * @throws {JupyterSetupError} naming the paths that are open to Jupyter, or closed though it needs them
 */
export async function checkIsolation(home: Home, environment: string, user: UserId): Promise<void> {
  const own = jupyterFolders(home);
  const state = (await readdir(home.var)).map((name) => join(home.var, name));
  const code = fileURLToPath(new URL('../', import.meta.url));
  const python = join(environment, 'bin', 'python3');
  const paths: Readonly<Record<Kind, readonly string[]>> = {
    read: [
      home.var,
      ...state.filter((path) => !own.includes(path)),
      ...(await inside(home.tls)),
      ...(await inside(home.sessions)),
      home.connections,
      `/proc/${process.pid}/environ`,
    ],
    write: [
      home.root,
      home.var,
      home.processors,
      environment,
      join(environment, 'bin'),
      python,
      CONFIGURATION,
      ...(await inside(CONFIGURATION)),
      SCRIPTS,
      ...(await inside(SCRIPTS)),
      code,
      ...(await inside(code)),
      process.execPath,
    ],
    own,
  };
  const tried = (Object.keys(paths) as Kind[]).flatMap((kind) => paths[kind].map((path) => ({ kind, path })));
  const args = tried.flatMap(({ kind, path }) => [kind, path]);
  const { stdout, stderr } = await run('/bin/sh', ['-c', SCRIPT, 'sh', ...args], { user });
  const lines = stdout.split('\n');
  if (!lines.includes('done'))
    throw new JupyterSetupError(
      `User ${user.uid}, which Jupyter gets because the gateway runs as root, cannot run /bin/sh (${lastLine(stderr)}).`,
    );
  const wrong = lines.flatMap((line) => tried[Number(/^(?:read|write|own) (\d+)$/.exec(line)?.[1])] ?? []);
  if (wrong.length > 0) throw new JupyterSetupError(sentenceOf(wrong, user, home));
  if (existsSync(python)) await checkPython(python, environment, user);
}

function sentenceOf(
  wrong: readonly { kind: Kind; path: string }[],
  { uid, gid }: UserId,
  { notebooks }: Home,
): string {
  const list = (kind: Kind) =>
    wrong
      .filter((each) => each.kind === kind)
      .map(({ path }) => path)
      .join(', ');
  const sentences = [
    list('read') && `can read ${list('read')}: prevent this with chmod go-rwx`,
    list('write') && `can change ${list('write')}: prevent this with chmod go-w and chown root`,
    list('own') &&
      `cannot write into ${list('own')}: change the owner with chown -R ${uid}:${gid}, ` +
        'and open the folders above with chmod o+x',
    wrong.some(({ kind, path }) => kind === 'own' && path === notebooks) &&
      `can also get access to ${notebooks} beside its owner: setfacl -R -m u:${uid}:rwX -m d:u:${uid}:rwX ${notebooks}`,
  ].filter((sentence) => typeof sentence === 'string' && sentence !== '');
  return `Notebook code runs as user ${uid}. It ${sentences.join('. It ')}.`;
}

async function checkPython(python: string, environment: string, user: UserId): Promise<void> {
  const { status, stderr } = await run(python, ['-I', '-S', '-c', ''], { user });
  if (status === 0) return;
  throw new JupyterSetupError(
    `User ${user.uid}, which Jupyter gets because the gateway runs as root, cannot run the Python of ` +
      `${environment} (${lastLine(stderr)}). A folder above it is closed to other users: ` +
      'choose another SPIN_HOME or SPIN_JUPYTER, or start the gateway as an ordinary user.',
  );
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

async function inside(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.map((name) => join(folder, name));
}
