import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import type { Rendered } from './parameters.js';
import type { Statement } from './statements.js';

/** What a statement did. */
export interface Done {
  /** As the database's own client says it: `UPDATE 3`. */
  readonly says: string;
  readonly hasRows: boolean;
}

/** One session at a database, for one cell at a time. */
export interface Session {
  /**
   * Runs a statement: its rows as pages, and what the database says beside them.
   * @param most rows of each result
   * @param next the text of the statement that follows in the cell
   * @throws {StatementError} what the database said
   */
  run(rendered: Rendered, statement: Statement, most: number, next?: string): AsyncGenerator<Page, Done>;
  /** Set before a cell's statements: when it ends, in milliseconds since 1970. For a database that takes a limit. */
  endsAt?: number;
  /** Whether the cell left a transaction open. */
  readonly isInTransaction: boolean;
  /** False when the connection has ended, on either side. */
  readonly isOpen: boolean;
  /** Stops the running statement at the database. */
  cancel(): Promise<void>;
  /** Ends whatever is open and forgets all that cells have set, for the next cell. */
  reset(): Promise<void>;
  close(): void;
  /** An idle session doesn't keep the process from ending. */
  hold(inUse: boolean): void;
}

/** What a database says against a statement. */
export class StatementError extends Error {
  override readonly name = 'StatementError';
  /** Offset in the text that it got. */
  readonly offset: number | undefined;
  /** Whether it couldn't parse the text, e.g. because of a list in the place of one value. */
  readonly isUnread: boolean;

  /** @param about `cause`: the driver's error */
  constructor(
    message: string,
    about: { readonly offset?: number | undefined; readonly isUnread: boolean; readonly cause: unknown },
  ) {
    super(message, { cause: about.cause });
    this.offset = about.offset;
    this.isUnread = about.isUnread;
  }
}

/** The sentence for a login that is known, but not for this. */
export function permissionRefusal(host: string, message: string): CellError {
  return new CellError(
    `${host}: the database accepts the connection's username, but does not allow this: ${message} (permission).`,
  );
}
