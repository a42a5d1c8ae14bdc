import type { Principal } from '../edge/principal.js';
import { GatewayError } from '../errors.js';

/** What the gateway's own API can be asked for, beyond what Jupyter serves. */
export type Right = 'connections:list' | 'connections:test' | 'metrics:read';

/**
 * The one place that decides what a principal may do over the API. A token has no scopes yet: SPIN_TOKEN may do
 * everything, SPIN_METRICS_TOKEN read metrics, and whoever comes by anything else nothing.
 *
 * @throws {GatewayError} UNAUTHENTICATED or NOT_PERMITTED
 */
export function demand(principal: Principal | undefined, right: Right): void {
  if (principal === undefined) throw new GatewayError('UNAUTHENTICATED');
  if (principal.kind === 'owner') return;
  if (principal.kind === 'metrics' && right === 'metrics:read') return;
  throw new GatewayError('NOT_PERMITTED', `Your token does not allow that: it takes the right ${right}.`);
}
