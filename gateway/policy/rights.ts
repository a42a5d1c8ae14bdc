/** What is done, in the words of Jupyter's authorization: GET reads, POST, PUT, PATCH and DELETE write, a websocket executes. */
export type Action = 'read' | 'write' | 'execute';

/**
 * What it is done to: `auth_resource` of the handlers of jupyter_server
 * (https://jupyter-server.readthedocs.io/en/latest/operators/security.html#authorization), its terminals and jupyter-lsp.
 *
 * `lab` is the gateway's word for what JupyterLab and Notebook consist of, where Jupyter asks for a login and no more:
 * pages, their files, settings and workspaces.
 */
export type Resource =
  | 'api'
  | 'config'
  | 'contents'
  | 'csp'
  | 'events'
  | 'kernels'
  | 'kernelspecs'
  | 'lab'
  | 'lsp'
  | 'nbconvert'
  | 'server'
  | 'sessions'
  | 'terminals';

/** What Jupyter is asked for. */
export type JupyterRight = `${Resource}:${Action}`;

/** What the gateway itself is asked for. */
export type OwnRight = 'connections:list' | 'connections:test' | 'metrics:read' | 'secrets:use';

export type Right = JupyterRight | OwnRight;

/** What a principal may do. `all` is more than the sum of all rights: it includes what no right is named for. */
export type Rights = 'all' | ReadonlySet<Right>;

/** What SPIN_METRICS_TOKEN may do. */
export const READS_METRICS: Rights = new Set<Right>(['metrics:read']);

/** @param right `all`: what takes more than any single right */
export function holds(rights: Rights, right: Right | 'all'): boolean {
  return rights === 'all' || (right !== 'all' && rights.has(right));
}

/** RFC 9110 section 9.2.1: these change nothing. Jupyter has the same list. */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** As Jupyter's `authorized` decorator has it. A method that it doesn't know is taken for one that writes. */
export function actionOf(method: string): Action {
  return READING.has(method) ? 'read' : 'write';
}
