import type { Limits } from '../../core/processor.js';
import type { Resources } from '../../core/resources.js';

/** What it takes to get a cloud's credentials for one cell, or for a test. */
export interface CloudJob extends Pick<Limits, 'hide'> {
  readonly signal: AbortSignal;
  readonly resources: Resources;
}
