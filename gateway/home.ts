import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Where things live under `SPIN_HOME`: `etc/` is configuration, `lib/` can be installed again, `var/` is
 * state that must survive (mount a volume there).
 */
export interface Home {
  readonly root: string;
  readonly var: string;
  /** The generated access token of a loopback-only runtime. */
  readonly tokenFile: string;
  /** Local CA, leaf and their keys. */
  readonly tls: string;
  /** ACME accounts and certificates, a folder per authority. */
  readonly acme: string;
  /** Revoked sessions and spent login codes. */
  readonly sessions: string;
  readonly notebooks: string;
  /** Packages that users install with `%pip install`. */
  readonly python: string;
  /** HOME of the embedded Jupyter: its history, settings and workspaces. */
  readonly jupyterHome: string;
  /** The embedded Jupyter's virtual environment, unless SPIN_JUPYTER names another. */
  readonly jupyter: string;
  /** A user's own processors (`*.mjs`). */
  readonly processors: string;
  readonly connections: string;
}

/** @param root absolute path of SPIN_HOME */
export function homeAt(root: string): Home {
  const state = join(root, 'var');
  return {
    root,
    var: state,
    tokenFile: join(state, 'token'),
    tls: join(state, 'tls'),
    acme: join(state, 'acme'),
    sessions: join(state, 'sessions'),
    notebooks: join(state, 'notebooks'),
    python: join(state, 'python'),
    jupyterHome: join(state, 'jupyter'),
    jupyter: join(root, 'lib', 'jupyter'),
    processors: join(root, 'etc', 'processors'),
    connections: join(root, 'etc', 'connections.yaml'),
  };
}

/** The folder itself, or the nearest above it that is there. */
export function existingPart(path: string): string {
  return existsSync(path) ? path : existingPart(dirname(path));
}
