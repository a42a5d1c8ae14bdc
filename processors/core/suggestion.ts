import type { Resources } from './resources.js';

/** One word that could stand at the cursor. */
export interface Suggestion {
  readonly text: string;
  /** What it is, in a word that is shown beside it: `option`, `connection`, `metric` … */
  readonly kind: string;
  /** A sentence about it. */
  readonly help?: string;
}

/** Words that could take the place of a piece of a text; `from` and `to` are indices of that JavaScript string. */
export interface Suggested {
  readonly from: number;
  readonly to: number;
  readonly items: readonly Suggestion[];
}

/** What a processor may use to complete a cell. */
export interface CompletionJob<Settings = unknown> {
  /**
   * Something of the service, kept some minutes per connection. While it is loaded for the first time an answer waits
   * less than a second for it; the next keystroke finds it there.
   *
   * @param what names it, e.g. `label job`
   * @param load asks the service with the connection's credentials; what it gives should be bounded
   * @returns undefined when the load isn't ready in time, has failed, or the cell has no connection
   */
  remembered<T>(
    what: string,
    load: (settings: Settings, signal: AbortSignal, resources: Resources) => Promise<T>,
  ): Promise<T | undefined>;
}
