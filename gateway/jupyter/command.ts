import { type SpawnOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SYSTEM_PATH } from './system-path.js';
import type { UserId } from './user.js';

/** Settings and requirements of the embedded Jupyter; beside `dist/` and in the published package. */
export const CONFIGURATION = fileURLToPath(new URL('../../../jupyter-config/', import.meta.url));
/** The Python programs that the gateway runs; never compiled, so they are in the package where they are in the source. */
export const SCRIPTS = fileURLToPath(new URL('../../../gateway/jupyter/scripts/', import.meta.url));

/** Enough for the system's own programs. */
const PLAIN = { LANG: 'C.UTF-8', PATH: SYSTEM_PATH };

export interface CommandOptions {
  /** All of its environment; left out, nothing of the gateway's. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Undefined: this process's own user. */
  readonly user?: UserId | undefined;
  /** Ends the program with SIGTERM. */
  readonly signal?: AbortSignal | undefined;
  /** What the program reads from stdin; left out, stdin stays open for as long as this process lives. */
  readonly input?: string;
  /** Every line of stdout, as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface Finished {
  /** Exit status; 128 + n for signal n; undefined when the program could not be started at all. */
  readonly status: number | undefined;
  readonly stdout: string;
  /** stderr, or why the program could not be started. At most the last 20,000 characters. */
  readonly stderr: string;
}

/** Runs a program to its end. Never throws: a program that can't be started is a result like any other. */
export function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    const settings: SpawnOptions = {
      // keeper.py ends what it runs when this pipe closes, so that nothing outlives this process.
      stdio: ['pipe', 'pipe', 'pipe'],
      env: options.env ?? PLAIN,
      cwd: options.cwd ?? '/',
      ...options.user,
    };
    const child = spawn(program, args, settings);
    const end = () => child.kill('SIGTERM');
    if (options.signal?.aborted) end();
    options.signal?.addEventListener('abort', end, { once: true });
    let stdout = '';
    let stderr = '';
    child.stdin?.on('error', () => {});
    if (options.input !== undefined) child.stdin?.end(options.input);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-20_000);
    });
    if (child.stdout) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        stdout += `${line}\n`;
        options.onLine?.(line);
      });
    }
    child.on('error', (error) => resolve({ status: undefined, stdout, stderr: error.message }));
    child.on('close', (code, signal) => {
      options.signal?.removeEventListener('abort', end);
      resolve({ status: code ?? (signal ? 128 + constants.signals[signal] : 1), stdout, stderr });
    });
  });
}
