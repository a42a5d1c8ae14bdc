import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Home } from '../home.js';
import { JupyterSetupError } from './setup-error.js';
import { realPath, type UserId } from './user.js';

/** Says that a user is in use, for as long as it isn't let go of or this process lives. */
export interface Claim {
  release(): void;
}

/** A line of `/proc/net/unix`: the socket's inode and its name. */
const NAME = /(\d+) @spin-runtime\/(\d+)\/([0-9a-f]{16})\//g;

/**
 * Makes sure that no Jupyter of another SPIN_HOME on this machine runs as the same user: its kernels could read this
 * one's notebooks, socket and values. The claim is a unix socket with an abstract name (unix(7)), which falls with its
 * process and is seen by all processes of the network namespace, whatever file systems and processes are hidden from
 * them. Nothing listens to what comes: its name is all that it says.
 *
 * Two that start in the same moment may both be refused.
 *
 * @throws {JupyterSetupError} when another home has it
 */
export async function claimUser(home: Home, { uid }: UserId): Promise<Claim> {
  const mine = createHash('sha256').update(realPath(home.root)).digest('hex').slice(0, 16);
  const server = createServer((socket) => socket.destroy());
  const path = `\0spin-runtime/${uid}/${mine}/${process.pid}`;
  // A second claim of this very process, which only tests make, has nothing to add.
  const bound = once(server.unref().listen({ path }), 'listening').catch(() => {});
  await bound;
  const table = await readFile('/proc/net/unix', 'utf8').catch(() => '');
  const others = [...table.matchAll(NAME)].filter(
    ([, , user, home]) => Number(user) === uid && home !== mine,
  );
  const foreign = others.length === 0 ? new Set<string>() : await socketsOfOthers();
  if (others.every(([, inode = '']) => foreign.has(inode))) return { release: () => server.close() };
  server.close();
  throw new JupyterSetupError(
    `Another gateway on this machine, with another SPIN_HOME, has given its Jupyter the same user (${uid}): each could ` +
      `read the other's notebooks and values. Stop one of the two, choose another free number from 60578 to 61183, e.g. ` +
      `N=61000, and hand its folders over: chown -R $N:$N ${home.notebooks} ${home.jupyterHome} ${home.python}`,
  );
}

/**
 * The sockets of other users' processes. Every user can make a name like a gateway's: a kernel that leaves a process behind
 * must not keep the next start from happening. What isn't seen here may be a gateway in another container.
 */
async function socketsOfOthers(): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    const owner = await lstat(`/proc/${pid}`).catch(() => undefined);
    if (owner === undefined || owner.uid === process.geteuid?.()) continue;
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const inode = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''))?.[1];
      if (inode !== undefined) found.add(inode);
    }
  }
  return found;
}
