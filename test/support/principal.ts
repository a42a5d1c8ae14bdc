import { Principals } from '../../gateway/edge/principal.js';

const principals = new Principals(60_000, Date.now);

/** Whoever sends SPIN_TOKEN. */
export const owner = principals.ofToken('owner', 'owner');

/** Whoever sends SPIN_METRICS_TOKEN. */
export const scraper = principals.ofToken('metrics', 'metrics');
