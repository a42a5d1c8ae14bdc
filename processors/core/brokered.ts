import { CHART_OPTIONS } from './chart/chart-options.js';
import { drawn, readDrawing } from './chart/drawn.js';
import type { ConnectionKind } from './connection.js';
import { ROWS } from './options.js';
import type { Page } from './pages.js';
import type { Cell, Context, Json, Limits, Option, Processor } from './processor.js';
import type { Resources } from './resources.js';
import { secretsIn } from './secret.js';
import type { CompletionJob, Suggested } from './suggestion.js';
import type { Value } from './value.js';

/** What a brokered cell has when the gateway performs it. */
export interface Job<Settings> extends Limits {
  readonly settings: Settings;
  /** The kernel variables that the cell refers to, by reference. */
  readonly values: ReadonlyMap<string, Value>;
  /** Aborts when the cell is interrupted, ends, or takes too long: the remote job has to be cancelled then. */
  readonly signal: AbortSignal;
  readonly resources: Resources;
}

/** The one request that a cell compiled to. */
export interface Request<Settings> {
  /** What the notebook's history shows of it: `__spin__.prometheus(query="up")`. */
  readonly args: Readonly<Record<string, Json>>;
  /** References to kernel variables in it. */
  readonly variables: readonly string[];
  /** @throws {CellError} what the service said, or why it can't be reached */
  perform(job: Job<Settings>): AsyncIterable<Page>;
}

export interface BrokeredDefinition<Settings> {
  readonly name: string;
  readonly summary: string;
  /** See {@link Processor.example}. */
  readonly example?: string;
  /** With {@link OUT} and {@link TIMEOUT}, which only need to be named here. */
  readonly options: Readonly<Record<string, Option>>;
  readonly connection: ConnectionKind<Settings>;
  /** @throws {CellError} for anything that the cell's author can correct */
  compile(cell: Cell, context: Context): Request<Settings>;
  /** See {@link Processor.complete}. */
  complete?(body: string, cursor: number, job: CompletionJob<Settings>): Suggested | Promise<Suggested>;
  /** Set where a result never is a table: its cells take no {@link ROWS} and draw no charts then. */
  readonly hasNoTables?: true;
}

/** A processor whose requests the gateway makes, with the credentials of a connection that the kernel never sees. */
export function brokered<Settings>(definition: BrokeredDefinition<Settings>): Processor {
  const { name, summary, example, connection, complete, hasNoTables = false } = definition;
  const options = hasNoTables ? definition.options : { rows: ROWS, ...definition.options, ...CHART_OPTIONS };
  return {
    name,
    summary,
    ...(example !== undefined && { example }),
    options,
    connection,
    // As below: the catalogue has checked the settings.
    ...(complete && {
      complete: (body, cursor, job) => complete(body, cursor, job as CompletionJob<Settings>),
    }),
    compile(cell, context) {
      const chosen = context.connections.find(name, cell.connection);
      const request = definition.compile(cell, context);
      const { out, timeout } = cell.options;
      const rows = options.rows === ROWS ? cell.options.rows : undefined;
      const drawing = hasNoTables ? undefined : readDrawing(cell);
      const { annotate } = drawing ?? {};
      return {
        run: {
          kind: 'brokered',
          name,
          connection: chosen.name,
          args: {
            ...request.args,
            connection: chosen.name,
            ...(out !== undefined && { out }),
            ...(rows !== undefined && { rows }),
          },
          variables:
            annotate === undefined ? request.variables : [...new Set([...request.variables, annotate])],
          timeout: typeof timeout === 'number' ? timeout : undefined,
          perform(values, signal, limits) {
            // The catalogue has checked them against the definition's own schema.
            const settings = chosen.settings() as Settings;
            secretsIn(settings).forEach(limits.hide);
            const pages = request.perform({
              settings,
              values,
              signal,
              resources: context.resources,
              ...limits,
            });
            return drawing === undefined ? pages : drawn(pages, drawing, values);
          },
        },
        deliver: [],
      };
    },
  };
}
