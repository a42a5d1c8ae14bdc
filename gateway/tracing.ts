import type { IncomingMessage } from 'node:http';

/** Of names, counts and the gateway's own words: never a cell's text, a value, a path or a query (invariant S10). */
export type Attributes = Readonly<Record<string, string | number>>;

/** Something that takes time. */
export interface Span {
  /** Begins something within it. */
  child(name: string, attributes?: Attributes): Span;
  /** @param failed marks it as an error */
  end(attributes?: Attributes, failed?: boolean): void;
}

export interface Tracing {
  /** @param parent a W3C `traceparent` that may be believed */
  begin(name: string, attributes: Attributes, parent?: string): Span;
  /** Sends what is left. */
  close(): Promise<void>;
}

const NO_SPAN: Span = { child: () => NO_SPAN, end() {} };

/** Costs nothing: what there is without a collector. */
export const NO_TRACING: Tracing = { begin: () => NO_SPAN, close: async () => {} };

/** Version 00 of https://www.w3.org/TR/trace-context/#traceparent-header; ids of zeros are none. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The trace that a request belongs to. To be asked for requests of trusted proxies only: any other client could put spans
 * into other people's traces, or have everything of theirs recorded.
 */
export function traceparentOf({ headers }: IncomingMessage): string | undefined {
  const { traceparent } = headers;
  return typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined;
}
