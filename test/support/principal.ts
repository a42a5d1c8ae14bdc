import { Principals } from '../../gateway/edge/principal.js';
import { READS_METRICS, type Right } from '../../gateway/policy/rights.js';

const principals = new Principals(60_000, Date.now);

/** Whoever sends SPIN_TOKEN. */
export const owner = principals.ofToken('owner', 'all');

/** Whoever sends SPIN_METRICS_TOKEN. */
export const scraper = principals.ofToken('metrics', READS_METRICS);

/** Whoever has these rights and no other. */
export const having = (...rights: readonly Right[]) => principals.ofToken('some', new Set(rights));
