import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../errors.js';
import { askJupyter, headOf } from './ask.js';
import type { Upstream } from './upstream.js';

/** Something about the Jupyter behind the gateway that its operator should know. */
export interface Remark {
  readonly says: string;
  readonly remedy: string;
}

/** The end of the base path of a user's server; a named one has its name behind. */
const USER_SERVER = /\/user\/([^/]+)(?:\/[^/]+)?$/;

/** What is said of a JupyterHub in the place of a Jupyter. */
export const HUB: Remark = {
  says: 'SPIN_UPSTREAM names a JupyterHub, not a Jupyter server.',
  remedy:
    'Use one user’s server: set SPIN_UPSTREAM to the hub’s address and /user/NAME/, and SPIN_UPSTREAM_TOKEN to a token of that user. See docs/deploy/jupyterhub.md.',
};

/** By its REST API (https://jupyterhub.readthedocs.io/en/stable/reference/rest-api.html), which a user's server hasn't. */
export async function isHub(upstream: Upstream): Promise<boolean> {
  const answer = await askJupyter(upstream, '/hub/api').catch(() => undefined);
  const { version } = Object(answer) as { version?: unknown };
  return typeof version === 'string';
}

/** What a hub answers to a request that changes something, in the place of a server that isn't there. */
const NOT_THERE: ReadonlySet<number | undefined> = new Set([403, 404, 405]);

/**
 * Whether a refusal may be a hub's and not the user's server's: then only {@link checkRunning} knows.
 *
 * @param status of an answer to a request that changes something
 */
export function isDoubtful(status: number | undefined, { basePath }: Upstream): boolean {
  return NOT_THERE.has(status) && USER_SERVER.test(basePath);
}

/** @throws {GatewayError} as {@link checkHub} */
export async function checkRunning(upstream: Upstream): Promise<void> {
  const answer = await headOf(upstream, '/api/status');
  checkHub(answer?.statusCode, answer?.headers ?? {}, upstream);
}

/**
 * A JupyterHub answers in the place of a server that isn't there, by leading to its own pages, which are outside of
 * what the gateway serves.
 *
 * @throws {GatewayError} UPSTREAM_REFUSED where SPIN_UPSTREAM is the hub, or a user's server asks for a login;
 *   UPSTREAM_STOPPED where that server doesn't run
 */
export function checkHub(
  status: number | undefined,
  { location }: IncomingHttpHeaders,
  { origin, basePath }: Upstream,
): void {
  if (status === undefined || status < 300 || status > 399 || location === undefined) return;
  if (!URL.canParse(location, origin)) return;
  const to = new URL(location, origin);
  if (to.origin !== origin) return;
  // A hub may have a base path too; its users' servers are beside it.
  const [prefix = '', name] = basePath.split(USER_SERVER);
  const page = to.pathname.startsWith(`${prefix}/hub/`) ? to.pathname.slice(prefix.length) : undefined;
  if (page === undefined) return;
  if (name === undefined) throw new GatewayError('UPSTREAM_REFUSED', `${HUB.says} ${HUB.remedy}`);
  // The server runs, and doesn't know the token.
  if (page.startsWith('/hub/api/oauth2/')) throw new GatewayError('UPSTREAM_REFUSED');
  throw new GatewayError('UPSTREAM_STOPPED');
}
