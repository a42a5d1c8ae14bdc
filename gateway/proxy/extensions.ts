import { headOf } from './ask.js';
import { HUB, isHub, type Remark } from './hub.js';
import type { Upstream } from './upstream.js';

/** How an extension is turned off that sends cells by POST. */
export const TURN_OFF =
  'Turn it off: jupyter labextension disable @datalayer/jupyter-server-nbmodel, then load the page again.';

/** No kernel has it. */
const NO_KERNEL = '00000000-0000-0000-0000-000000000000';

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

/** Versions before 0.2 know `POST` alone there, and say so. */
async function hasPostedCells(upstream: Upstream): Promise<boolean> {
  const head = await headOf(upstream, `/api/kernels/${NO_KERNEL}/execute`);
  return head?.statusCode === 200 || head?.statusCode === 405;
}
