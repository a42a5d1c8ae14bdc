import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A numeric user and group to run a process as. */
export interface UserId {
  readonly uid: number;
  readonly gid: number;
}

/** Whether notebook code is kept from the gateway's credentials (invariant S18). */
export type Isolation =
  | { readonly kind: 'own-user'; readonly user: UserId }
  | {
      readonly kind: 'same-user';
      /** A sentence for start-up, console and `doctor`. */
      readonly warning: string;
    };

/**
 * The embedded Jupyter's user and group where the gateway is started as root. The number lies in the range
 * that no distribution, container runtime or systemd hands out (60578 to 61183, systemd.io/UIDS-GIDS); it
 * needs no line in /etc/passwd.
 */
export const JUPYTER_USER: UserId = { uid: 60888, gid: 60888 };

const advice =
  'Notebook code can read the credentials of the gateway (SPIN_TOKEN, connections, everything under ' +
  'SPIN_HOME/var), because both run as the same user';
const remedy =
  'For anything shared run Jupyter in a container of its own and set SPIN_UPSTREAM (docker/compose.front.yml); ' +
  'outside of containers it is enough to start the gateway as root.';

/** Finds out, by trying, whether Jupyter can get a user of its own. */
export async function findIsolation(): Promise<Isolation> {
  if (process.geteuid?.() !== 0) return { kind: 'same-user', warning: `${advice}. ${remedy}` };
  const failure = await tryAs(JUPYTER_USER);
  if (failure === undefined) return { kind: 'own-user', user: JUPYTER_USER };
  return {
    kind: 'same-user',
    warning: `${advice}: this root user may not become another one (${failure}). ${remedy}`,
  };
}

/** @returns why not; undefined when it can be done */
async function tryAs(user: UserId): Promise<string | undefined> {
  try {
    // Node.js throws EPERM at once, and tells of other failures by an event.
    const child = spawn('/bin/sh', ['-c', 'exit 0'], { ...user, stdio: 'ignore', cwd: '/' });
    await once(child, 'exit');
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}
