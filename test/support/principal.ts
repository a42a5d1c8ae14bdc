import { Principals } from '../../gateway/edge/principal.js';
import { READS_METRICS, type Right } from '../../gateway/policy/rights.js';

const principals = new Principals(60_000, Date.now);

/** A client that sends SPIN_TOKEN. */
export const owner = principals.ofToken('owner', 'all');

/** A client that sends SPIN_METRICS_TOKEN. */
export const scraper = principals.ofToken('metrics', READS_METRICS);

/** A client that has these rights and no other. */
export const having = (...rights: readonly Right[]) => principals.ofToken('some', new Set(rights));
