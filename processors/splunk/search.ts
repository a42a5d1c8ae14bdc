import type { Json } from '../core/value.js';

/** What is asked of Splunk. */
export interface Search {
  readonly spl: string;
  readonly earliest: string;
  readonly latest: string;
  /** Rows. */
  readonly limit: number;
  /** How much Splunk extracts from events: https://docs.splunk.com/Documentation/Splunk/latest/Search/Changethesearchmode */
  readonly level: string;
  /** MIME bundles to show with the result. */
  readonly displays: readonly Readonly<Record<string, Json>>[];
}
