import { createHash } from 'node:crypto';
import { access, chmod, constants, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Environment } from '../../processors/core/environment.js';
import { setupEnvironment } from './clean-environment.js';
import { CONFIGURATION, type CommandOptions, type Finished, run, SCRIPTS } from './command.js';
import { withLock } from './install-lock.js';
import { PipProgress, type Progress } from './pip-progress.js';
import { findPython } from './python.js';
import { JupyterSetupError } from './setup-error.js';
import type { UserId } from './user.js';

/** Written last: its absence means an interrupted installation, other content an older release's. */
const MARKER = '.spin-complete';

export interface EnvironmentOptions {
  /** What the gateway was started with: PATH finds Python, and pip goes through its proxies. */
  readonly inherited: Environment;
  readonly progress: Progress;
  /** Whom Jupyter will run as, if not this process's user: must be able to run the environment. */
  readonly user?: UserId | undefined;
  /** Ends an installation that is under way; what it made is made anew next time. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes sure that the folder is a virtual environment with exactly the locked requirements. Nothing is
 * touched when it is; two processes at once make it once; what was interrupted or belongs to another
 * release or Python is made anew.
 *
 * @param folder absolute path, usually `$SPIN_HOME/lib/jupyter`
 * @throws {JupyterSetupError} without a usable Python, without network, without space …
 */
export async function ensureEnvironment(folder: string, options: EnvironmentOptions): Promise<void> {
  const requirements = await readFile(join(CONFIGURATION, 'requirements.txt'), 'utf8');
  const wanted = createHash('sha256').update(requirements).digest('hex');
  if (await isComplete(folder, wanted, options.inherited)) return;

  try {
    await mkdir(dirname(folder), { recursive: true, mode: 0o755 });
    await access(dirname(folder), constants.W_OK);
  } catch {
    throw new JupyterSetupError(
      `Jupyter is not installed at ${folder}, and that folder cannot be written to. Set SPIN_HOME to a folder ` +
        'that can, or SPIN_JUPYTER to an environment that has Jupyter.',
    );
  }
  const python = await findPython(options.inherited, options.user);
  const env = setupEnvironment(options.inherited, undefined);
  const onWait = () => options.progress('Another process is installing it; waiting');
  await withLock({ python, env, path: `${folder}.lock`, onWait, signal: options.signal }, async () => {
    if (!(await isComplete(folder, wanted, options.inherited)))
      await install(python, folder, requirements, wanted, options);
  });
}

/**
 * Checks an environment that the user made; changes nothing in it.
 * @param folder contains `bin/jupyter`
 * @throws {JupyterSetupError} saying what it lacks
 */
export async function checkEnvironment(folder: string, inherited: Environment, user?: UserId): Promise<void> {
  const python = join(folder, 'bin', 'python3');
  const broken = (what: string) =>
    new JupyterSetupError(
      `SPIN_JUPYTER=${folder} ${what}. It must name the folder of a Python environment with ` +
        'jupyterlab and ipykernel (the one that contains bin/jupyter); unset it to let the gateway create one.',
    );
  for (const path of [join(folder, 'bin', 'jupyter'), python]) {
    await access(path).catch(() => {
      throw broken(`has no ${path.slice(folder.length + 1)}`);
    });
  }
  const tried = await run(python, ['-I', '-c', 'import jupyter_server, ipykernel'], {
    user,
    env: setupEnvironment(inherited, user),
  });
  if (tried.status === 0) return;
  const env = setupEnvironment(inherited, undefined);
  const missing = /No module named '([\w.]+)'/.exec(tried.stderr)?.[1];
  if (missing !== undefined) throw broken(`lacks the package ${missing}`);
  if (user !== undefined && (await run(python, ['-I', '-c', ''], { env }).then((own) => own.status)) === 0) {
    throw broken(
      `cannot be used by user ${user.uid}, which Jupyter gets because the gateway runs as root ` +
        '(a folder above it, or above its Python, is closed to other users)',
    );
  }
  throw broken(`has a Python that does not work: ${lastLine(tried)}`);
}

async function isComplete(folder: string, wanted: string, inherited: Environment): Promise<boolean> {
  const marker = await readFile(join(folder, MARKER), 'utf8').catch(() => '');
  const [hash, version] = marker.split('\n');
  if (hash !== wanted || version === undefined) return false;
  // The Python that it was made with may have gone or become another one.
  return (await pythonVersion(folder, setupEnvironment(inherited, undefined))) === version;
}

async function pythonVersion(folder: string, env: NodeJS.ProcessEnv): Promise<string> {
  const program = 'import sys; print(sys.version_info.major, sys.version_info.minor, sep=".")';
  const { stdout } = await run(join(folder, 'bin', 'python3'), ['-I', '-S', '-c', program], { env });
  return stdout.trim();
}

async function install(
  python: string,
  folder: string,
  requirements: string,
  wanted: string,
  { inherited, progress, signal }: EnvironmentOptions,
): Promise<void> {
  const env = setupEnvironment(inherited, undefined);
  progress('Creating a Python environment');
  failUnless(
    await asReadable(python, ['-I', '-m', 'venv', '--clear', folder], { env, signal }),
    'The environment cannot be created',
  );
  const version = await pythonVersion(folder, env);
  const packages = join(folder, 'lib', `python${version}`, 'site-packages');
  const total = requirements.match(/^[\w.-]+==/gm)?.length ?? 0;
  const pip = new PipProgress(total, packages, progress);
  try {
    failUnless(
      await asReadable(
        join(folder, 'bin', 'python3'),
        // Only wheels whose hashes are known: nothing that is downloaded runs while it is installed.
        `-I -m pip install --require-hashes --only-binary :all: --progress-bar off --no-color
         --disable-pip-version-check --no-input -r`
          .split(/\s+/)
          .concat(join(CONFIGURATION, 'requirements.txt')),
        { env, signal, onLine: (line) => pip.feed(line) },
      ),
      'The packages of Jupyter cannot be installed',
    );
  } finally {
    pip.stop();
  }
  await writeFile(join(folder, MARKER), `${wanted}\n${version}\n`);
  await chmod(folder, 0o755);
  progress(`Jupyter is installed (${pip.elapsed()})`);
}

/** Runs a program that ends with this process, and lets every user read what it writes. */
function asReadable(
  program: string,
  args: string[],
  options: Pick<CommandOptions, 'env' | 'signal' | 'onLine'>,
): Promise<Finished> {
  const keeper = [program, '-I', '-S', join(SCRIPTS, 'keeper.py'), program, ...args];
  return run('/bin/sh', ['-c', 'umask 022; exec "$@"', 'sh', ...keeper], options);
}

function failUnless(finished: Finished, what: string): void {
  if (finished.status === 0) return;
  throw new JupyterSetupError(
    `${what}: ${lastLine(finished)} On a machine without network set SPIN_JUPYTER to an environment that has Jupyter.`,
  );
}

/** The line that says what went wrong: pip's last `ERROR:`, else the last one at all. */
function lastLine({ stderr, stdout, status }: Finished): string {
  const lines = (stderr.trim() || stdout.trim()).split('\n').filter((line) => !line.startsWith('WARNING'));
  const line =
    lines.findLast((text) => text.startsWith('ERROR:'))?.slice('ERROR:'.length) ?? lines.at(-1) ?? '';
  return `${line.trim() || `exit status ${status}`}.`.replace(/\.\.$/, '.');
}
