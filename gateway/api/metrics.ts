import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { METRICS_PATH } from '../edge/identity.js';
import type { Metrics } from '../metrics.js';
import { demand } from '../policy/rights.js';
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
    demand(visitorOf(raw).principal, 'metrics:read');
    return reply
      .headers({ 'content-type': metrics.contentType, 'cache-control': 'no-store' })
      .send(await metrics.text());
  });
}
