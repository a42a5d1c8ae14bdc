import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../metrics.js';
import { decide } from '../policy/decide.js';
import { orThrow } from '../policy/decision.js';
import { METRICS_PATH } from '../policy/pages.js';
import type { Visitor } from './visitor.js';

/**
 * `GET /spin/metrics`: Prometheus' text format, for SPIN_TOKEN and SPIN_METRICS_TOKEN. Jupyter's own metrics stay at
 * `/metrics`.
 */
export function metricsRoute(
  app: FastifyInstance,
  metrics: Metrics,
  visitorOf: (req: IncomingMessage) => Visitor,
): void {
  app.get(METRICS_PATH, async ({ raw }, reply) => {
    orThrow(decide(visitorOf(raw).principal, { kind: 'page', path: METRICS_PATH }));
    return reply
      .headers({ 'content-type': metrics.contentType, 'cache-control': 'no-store' })
      .send(await metrics.text());
  });
}
