import { alertmanager } from './alertmanager.js';
import { aws } from './aws.js';
import { azure } from './azure.js';
import { Completer, type Completion } from './completion/completer.js';
import type { ConnectionKind } from './core/connection.js';
import type { Elsewhere } from './core/other-language.js';
import type { Context, Processor } from './core/processor.js';
import { Resources } from './core/resources.js';
import { datadog } from './datadog.js';
import { gcp } from './gcp.js';
import { github } from './github.js';
import { grafana } from './grafana.js';
import { jenkins } from './jenkins.js';
import { helperSource, magicQuestion } from './kernel/helper.js';
import { kubernetes } from './kubernetes.js';
import { llm } from './llm.js';
import { loki } from './loki.js';
import { opensearch } from './opensearch.js';
import { prometheus } from './prometheus.js';
import { python } from './python.js';
import { rest } from './rest.js';
import { type Rewrite, Rewriter } from './rewriter.js';
import { shell } from './shell.js';
import { splunk } from './splunk.js';
import { sql } from './sql.js';
import { tempo } from './tempo.js';

export type { Completion } from './completion/completer.js';
export type { Offer, Rewrite, Taken } from './rewriter.js';

/** Every built-in processor: the only place of registration. */
export const builtIn: readonly Processor[] = [
  python,
  shell,
  rest,
  prometheus,
  loki,
  tempo,
  alertmanager,
  grafana,
  sql,
  github,
  datadog,
  opensearch,
  kubernetes,
  llm,
  splunk,
  jenkins,
  aws,
  azure,
  gcp,
];

/** The types of connections that processors use, by name. */
export function kindsOf(processors: readonly Processor[]): ReadonlyMap<string, ConnectionKind> {
  return new Map(
    processors.flatMap(({ name, connection }) => (connection ? [[name, connection] as const] : [])),
  );
}

export interface ProcessorsOptions extends Omit<Context, 'resources'> {
  /** Closed by the caller that made it; by default one that nothing else uses. */
  readonly resources?: Resources;
  /** From {@link loadAddOns}; they come after the built-in ones. */
  readonly addOns?: readonly Processor[];
  /** How long a processor may take for one cell, in milliseconds; default 30 seconds. */
  readonly compileLimitMs?: number;
}

/** What the channel needs of all processors together. */
export interface Processors {
  /**
   * Whether a request has to be rewritten; false means its frame passes byte-identical. Cheap.
   * @param code `content.code` of an execute_request
   * @param metadata `metadata` of that request, as parsed
   */
  matches(code: string, metadata: unknown): boolean;
  /** Never throws and never rejects: a mistake becomes a cell that raises it (invariant S13). */
  rewrite(code: string, metadata: unknown): Promise<Rewrite>;
  /** The same for a cell whose first line turned out to name a magic of the kernel's own. */
  asPython(code: string): Promise<Rewrite>;
  /**
   * For a kernel that isn't Python's.
   * @param metadata as above: a cell of SPIN's own can't run there
   */
  elsewhere(code: string, metadata: unknown, language: string): Elsewhere;
  /** What the kernel gets in place of a cell that the gateway itself refuses, e.g. one that is too large. */
  refuse(sentence: string): Rewrite;
  /**
   * Source of the silent execute_request that comes right before every rewritten cell (same subshell), and
   * whose `ok` has to be awaited: it makes sure that the helper is there and ready for one cell.
   */
  readonly helper: {
    readonly code: string;
    /** An expression that is `True` where the kernel has a cell magic of that name. */
    magicQuestion(name: string): string;
  };
  /**
   * Whether a complete_request or inspect_request may be the gateway's; false means its frame passes. Cheap.
   * @param cursor index of the JavaScript string `code`
   */
  assists(code: string, cursor: number): boolean;
  /** Bounded in time. @returns undefined when the kernel answers better */
  complete(code: string, cursor: number): Promise<Completion | undefined>;
  /** @returns help about what the cursor is at, empty when there is none; undefined when the kernel is to be asked */
  explain(code: string, cursor: number): string | undefined;
}

export function createProcessors(options: ProcessorsOptions): Processors {
  const all = [...builtIn, ...(options.addOns ?? [])];
  const context = { ...options, resources: options.resources ?? new Resources(new Map()) };
  const rewriter = new Rewriter(all, context, options.compileLimitMs);
  const completer = new Completer(all, context, (name) => rewriter.isTaken(name));
  return {
    matches: (code, metadata) => rewriter.matches(code, metadata),
    rewrite: (code, metadata) => rewriter.rewrite(code, metadata),
    refuse: (sentence) => rewriter.refuse(sentence),
    asPython: (code) => rewriter.asPython(code),
    elsewhere: (code, metadata, language) => rewriter.elsewhere(code, metadata, language),
    helper: { code: helperSource(), magicQuestion },
    assists: (code, cursor) => completer.assists(code, cursor),
    complete: (code, cursor) => completer.complete(code, cursor),
    explain: (code, cursor) => completer.explain(code, cursor),
  };
}
