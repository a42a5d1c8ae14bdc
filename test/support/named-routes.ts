import { rightFor } from '../../gateway/policy/passes.js';
import { requestRowOf, socketRowOf } from '../../gateway/policy/paths.js';
import { actionOf } from '../../gateway/policy/rights.js';
import type { JupyterRoute } from './jupyter-routes.js';

/** Handlers that fit any path: they lead to the one without a slash, or answer 404. */
const NO_PATH: ReadonlySet<string> = new Set([
  'jupyter_server.base.handlers.TrailingSlashHandler',
  'jupyter_server.base.handlers.Template404',
  'jupyterlab_server.handlers.NotFoundHandler',
]);

/**
 * What the table of paths says otherwise than Jupyter, one sentence each: a route that no row names, or one whose
 * right isn't the one that Jupyter's own authorization asks for.
 */
export function unnamed(routes: readonly JupyterRoute[]): readonly string[] {
  return routes
    .filter(({ handler }) => !NO_PATH.has(handler))
    .flatMap(({ pattern, resource, websocket, methods, samples }) =>
      samples.flatMap((path) => {
        const ways = websocket ? (['websocket'] as const) : methods;
        return ways.flatMap((way) => {
          const row = way === 'websocket' ? socketRowOf(path) : requestRowOf(way, path);
          const name = `${way} ${path} (${pattern})`;
          if (row === undefined) return [`no row names ${name}`];
          const action = way === 'websocket' ? 'execute' : actionOf(way);
          const right = rightFor(row, action);
          if (resource === null || right === `${resource}:${action}`) return [];
          return [`${name} takes ${right}, and at Jupyter ${resource}:${action}`];
        });
      }),
    );
}
