import { run } from './command.js';

/** Keeps the lock until its stdin ends. It ends with the process at the other end. */
const HOLDER = `
import fcntl, sys
file = open(sys.argv[1], "a")
try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("waiting", flush=True)
    fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
`;

export interface LockOptions {
  /** Runs the lock's holder: node has no flock(2). */
  readonly python: string;
  /** The holder's environment; left out, nothing of the gateway's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Of the lock file, which stays; its folder exists. */
  readonly path: string;
  /** Is called once when another process has it. */
  readonly onWait: () => void;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does `work` while no other process does the same under this lock. The lock is the system's, so it falls
 * with its holder, however that ends.
 *
 * @throws {Error} when it could not get the lock: the file can't be made, or the signal came first
 */
export async function withLock<T>(options: LockOptions, work: () => Promise<T>): Promise<T> {
  const release = new AbortController();
  const signal = AbortSignal.any([release.signal, ...(options.signal ? [options.signal] : [])]);
  const locked = new Promise<void>((resolve, reject) => {
    run(options.python, ['-I', '-S', '-c', HOLDER, options.path], {
      ...(options.env && { env: options.env }),
      signal,
      onLine(line) {
        if (line === 'waiting') options.onWait();
        if (line === 'locked') resolve();
      },
    })
      .then(({ stderr }) => {
        throw new Error(`could not lock ${options.path}: ${stderr.trim().split('\n').at(-1)}`);
      })
      .catch(reject);
  });
  try {
    await locked;
    return await work();
  } finally {
    release.abort();
  }
}
