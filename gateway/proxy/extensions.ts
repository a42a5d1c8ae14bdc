import { request } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { askJupyter } from './ask.js';
import { addressOf, type Upstream } from './upstream.js';

/** How an extension is turned off that sends cells by POST. */
export const TURN_OFF =
  'Turn it off: jupyter labextension disable @datalayer/jupyter-server-nbmodel, then load the page again.';

const PATIENCE_MS = 10_000;

/** No kernel has it. */
const NO_KERNEL = '00000000-0000-0000-0000-000000000000';

/** Something about the Jupyter behind the gateway that whoever runs it should know. */
export interface Remark {
  readonly says: string;
  readonly remedy: string;
}

/**
 * What is behind the gateway that works otherwise than people may expect. Never rejects: what can't be reached is said
 * elsewhere.
 */
export async function remarksOn(upstream: Upstream): Promise<Remark[]> {
  const [hub, posts] = await Promise.all([isHub(upstream), hasPostedCells(upstream)]);
  return [
    ...(hub ? [HUB] : []),
    ...(posts
      ? [
          {
            says: 'Jupyter has jupyter-server-nbmodel, whose pages send cells by POST: SPIN cells and {{…}} do not work there.',
            remedy: TURN_OFF,
          },
        ]
      : []),
  ];
}

/** What is said of a JupyterHub in the place of a Jupyter. */
export const HUB: Remark = {
  says: 'SPIN_UPSTREAM names a JupyterHub, which is no Jupyter server itself.',
  remedy:
    'Front one user’s server: SPIN_UPSTREAM=http://HUB/user/NAME/ and a token of that user in SPIN_UPSTREAM_TOKEN. See docs/jupyterhub.md.',
};

/** By its REST API (https://jupyterhub.readthedocs.io/en/stable/reference/rest-api.html), which a user's server hasn't. */
export async function isHub(upstream: Upstream): Promise<boolean> {
  const answer = await askJupyter(upstream, '/hub/api').catch(() => undefined);
  const { version } = Object(answer) as { version?: unknown };
  return typeof version === 'string';
}

/** Any status but 404 shows the route. */
async function hasPostedCells(upstream: Upstream): Promise<boolean> {
  const status = await statusOf(upstream, `/api/kernels/${NO_KERNEL}/execute`);
  return status === 200 || status === 405;
}

/** 0 when there is no answer. */
function statusOf(upstream: Upstream, path: string): Promise<number> {
  const options = {
    ...addressOf(upstream),
    path: upstream.basePath + path,
    agent: false,
    signal: AbortSignal.timeout(PATIENCE_MS),
    headers: {
      host: new URL(upstream.origin).host,
      ...(upstream.token && { authorization: `token ${upstream.token.reveal()}` }),
    },
  };
  const send = upstream.origin.startsWith('https:') ? tlsRequest : request;
  return new Promise((resolve) => {
    send(options)
      .on('response', (response) => {
        response.on('error', () => {}).resume();
        resolve(response.statusCode ?? 0);
      })
      .on('error', () => resolve(0))
      .end();
  });
}
