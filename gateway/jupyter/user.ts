import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { lstatSync, realpathSync } from 'node:fs';
import { codeOf } from '../error-code.js';
import { existingPart, type Home, homeAt } from '../home.js';

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

/** Numbers that no distribution, container runtime or systemd hands out (systemd.io/UIDS-GIDS). */
const FIRST = 60_578;
const LAST = 61_183;

/** The one of the home that the documentation names. */
const USUAL_HOME = '/opt/spin';
const USUAL = 60_888;

/**
 * The embedded Jupyter's user and group where the gateway is started as root; it needs no line in /etc/passwd. Each
 * SPIN_HOME has its own one, so that two gateways of one machine keep their notebooks from each other: the user that
 * Jupyter's folder belongs to already, else a number that comes from the path.
 */
export function jupyterUserOf(home: Home): UserId {
  const owner = lstatSync(home.jupyterHome, { throwIfNoEntry: false })?.uid ?? 0;
  const uid = owner >= FIRST && owner <= LAST ? owner : numberFor(realPath(home.root));
  return { uid, gid: uid };
}

function numberFor(root: string): number {
  if (root === USUAL_HOME) return USUAL;
  const number = FIRST + (createHash('sha256').update(root).digest().readUInt32BE() % (LAST - FIRST));
  // One number less than there are: what is left is for the usual home.
  return number >= USUAL ? number + 1 : number;
}

/** A home that isn't there yet has the path that it will have. */
export function realPath(root: string): string {
  const there = existingPart(root);
  return realpathSync(there) + root.slice(there.length);
}

const ADVICE =
  'Notebook code can read the credentials of the gateway (SPIN_TOKEN, connections, SPIN_HOME/var), because both run as ' +
  'the same user';
const REMEDY =
  'If others use it too, start the gateway as root, or run Jupyter in its own container and set SPIN_UPSTREAM ' +
  '(docker/compose.front.yml).';

/** Finds out, by trying, whether Jupyter can get its own user. */
export async function findIsolation(home: Home = homeAt(USUAL_HOME)): Promise<Isolation> {
  if (process.geteuid?.() !== 0) return { kind: 'same-user', warning: `${ADVICE}. ${REMEDY}` };
  const user = jupyterUserOf(home);
  const failure = await tryAs(user);
  if (failure === undefined) return { kind: 'own-user', user };
  return {
    kind: 'same-user',
    warning: `${ADVICE}: this root user cannot switch to another user (${failure}). ${REMEDY}`,
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
    return codeOf(error) ?? String(error);
  }
}
