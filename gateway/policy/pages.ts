import type { Carrier } from '../edge/admission.js';
import { ALLOWED, type Decision, type Holder, lacks } from './decision.js';
import { holds, type OwnRight, type Rights } from './rights.js';

/** Where the gateway's own metrics are. */
export const METRICS_PATH = '/spin/metrics';

/** One of the gateway's pages, below `/spin`. */
export interface PageSubject {
  readonly kind: 'page';
  /** As sent, without a query. */
  readonly path: string;
}

/**
 * Pages that take less than all rights; every other one takes them. `nothing`: also without a login (invariant S1),
 * to get one.
 */
const pages: readonly (readonly [page: RegExp, takes: OwnRight | 'nothing'])[] = [
  [/^\/spin\/login$/, 'nothing'],
  [/^\/spin\/metrics$/, 'metrics:read'],
  [/^\/spin\/api\/connections$/, 'connections:list'],
  [/^\/spin\/api\/connections\/[^/]+\/test$/, 'connections:test'],
];

function takenBy(path: string): OwnRight | 'nothing' | 'all' {
  return pages.find(([page]) => page.test(path))?.[1] ?? 'all';
}

export function decidePage(holder: Holder | undefined, { path }: PageSubject): Decision {
  const takes = takenBy(path);
  return takes === 'nothing' ? ALLOWED : (lacks(holder, takes) ?? ALLOWED);
}

/**
 * Whether a token is known where it came. One of fewer than all rights is, at a page of the gateway's that it opens,
 * in a header: any other way would begin a session, or stand in a URL. Anywhere else it is a wrong token.
 */
export function countsAt(rights: Rights, carrier: Carrier | undefined, path: string): boolean {
  if (rights === 'all') return true;
  const takes = takenBy(path);
  return carrier === 'header' && takes !== 'nothing' && holds(rights, takes);
}
