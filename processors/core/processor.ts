import type { ConnectionKind, Connections } from './connection.js';
import type { Page } from './pages.js';
import type { Resources } from './resources.js';
import type { Secret } from './secret.js';
import type { CompletionJob, Suggested } from './suggestion.js';
import type { Json, Value } from './value.js';

export { CellError } from './cell-error.js';
export type { Json } from './value.js';

/** One option that a processor's first line takes: `--name value`, or `--name` alone for a flag. */
export interface Option {
  readonly type: 'string' | 'number' | 'flag';
  readonly help: string;
  /** The values that it takes, where that is a closed list. They are offered while the line is typed. */
  readonly values?: readonly string[];
}

/** A SPIN cell as its author wrote it: `%%processor [connection] [--option value …]` and a body. */
export interface Cell {
  readonly processor: string;
  readonly connection: string | undefined;
  /** Options by name without the dashes, already checked against {@link Processor.options}. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** Everything after the first line, as typed. */
  readonly body: string;
}

/**
 * A value that the kernel looks up while the cell runs; it is never text in the code.
 * `name` is the reference as the cell writes it between the braces, e.g. `runtime_env:API_KEY`.
 */
export interface Delivery {
  readonly name: string;
  readonly value: Secret;
}

/** Resolves the names that a cell may use. */
export interface Context {
  /**
   * @param reference what is between the braces, e.g. `runtime_env:API_KEY`
   * @throws {CellError} when the name isn't set, or this cell may not use it; says which and what to do
   */
  resolve(reference: string): Secret;
  /**
   * Every reference that a cell may use, e.g. `runtime_env:API_KEY`, for completion; absent: none is offered.
   */
  readonly references?: () => readonly string[];
  /** The connections that cells may use. */
  readonly connections: Connections;
  /** What brokered requests keep open between cells. */
  readonly resources: Resources;
}

/** What runs in the kernel in place of the cell. */
export interface Compiled {
  /**
   * `call`: a function of the kernel helper, with literal arguments: readable in the notebook's history.
   * `python`: Python source whose string constants may hold references.
   * `brokered`: a readable call that asks the gateway for a result which only the gateway may fetch.
   */
  readonly run:
    | { readonly kind: 'call'; readonly name: string; readonly args: Readonly<Record<string, Json>> }
    | { readonly kind: 'python'; readonly code: string }
    | Brokered;
  /** Values that the kernel gets for this one execution, in the request's metadata. */
  readonly deliver: readonly Delivery[];
  /** Why a reference can't be delivered, by reference; raised in the kernel only where the code really uses it. */
  readonly withheld?: Readonly<Record<string, string>>;
}

/** A request that the gateway itself makes for one execution of a cell. */
export interface Brokered {
  readonly kind: 'brokered';
  readonly name: string;
  /** The connection's name. */
  readonly connection: string;
  readonly args: Readonly<Record<string, Json>>;
  /** References to kernel variables whose values it needs. */
  readonly variables: readonly string[];
  /** In seconds. */
  readonly timeout: number | undefined;
  /** Called at most once. */
  perform(values: ReadonlyMap<string, Value>, signal: AbortSignal, limits: Limits): AsyncIterable<Page>;
}

/** What holds for one performance of a brokered request. */
export interface Limits {
  /** Takes a credential that the service may quote out of everything that the kernel gets (invariant S10). */
  hide(credential: Secret): void;
  /** When the request is given up, in milliseconds since 1970. */
  readonly endsAt: number;
}

/** A cell processor: one integration, one file. Pure: a cell in, what the kernel runs out. */
export interface Processor {
  /** The word after `%%`. */
  readonly name: string;
  /** One line for completion and help. */
  readonly summary: string;
  /** A whole cell that shows how it is used, for its help. */
  readonly example?: string;
  /** Set for a processor whose cells use connections: then `%%name` is taken only if the catalogue has one. */
  readonly connection?: ConnectionKind;
  readonly options: Readonly<Record<string, Option>>;
  /** @throws {CellError} for anything that the cell's author can correct; then no part of the cell runs */
  compile(cell: Cell, context: Context): Compiled | Promise<Compiled>;
  /**
   * Suggestions for the cursor in a cell's body. The gateway completes references and the first line by itself.
   *
   * @param body as typed so far
   * @param cursor index into it
   * @param job what it takes to ask the service; what is fetched has to go through `job.remembered`
   */
  complete?(body: string, cursor: number, job: CompletionJob): Suggested | Promise<Suggested>;
}
