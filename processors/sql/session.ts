import { type NetConnectOpts, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { refusingLinkLocal } from '../link-local.js';
import type { Page } from '../pages.js';
import { CellError } from '../processor.js';
import type { Rendered } from './parameters.js';
import type { Statement } from './statements.js';

/** What a statement did. */
export interface Done {
  /** As the database's own client says it: `UPDATE 3`. */
  readonly says: string;
  readonly hasRows: boolean;
  /** True when there were more rows than asked for. */
  readonly goesOn: boolean;
}

/** One session at a database, for one cell at a time. */
export interface Session {
  /**
   * Runs a statement, its rows as pages.
   * @param most rows
   * @throws {StatementError} what the database said
   */
  run(rendered: Rendered, statement: Statement, most: number): AsyncGenerator<Page, Done>;
  /** Whether the cell left a transaction open. */
  readonly isInTransaction: boolean;
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

  constructor(message: string, offset?: number) {
    super(message);
    this.offset = offset;
  }
}

/** The sentence for a login that is known, but not for this. */
export function permissionRefusal(host: string, message: string): CellError {
  return new CellError(
    `${host}: the connection's username is known there, but may not do that: ${message} (permission).`,
  );
}

/** About a page of a result, in characters: a kernel takes it in one answer, and neither side holds more than a few. */
export const PAGE_SIZE = 500_000;
export const PAGE_ROWS = 5_000;

/** How long a database may take to greet, in milliseconds. */
export const GREETING_MS = 10_000;

/**
 * A driver throws at nonsense of a server from where nobody can catch it: that ends the connection, not the process
 * (invariant S14).
 */
export function outliveNonsense(stream: Duplex): void {
  const emit = stream.emit.bind(stream);
  stream.emit = (event: string | symbol, ...parts: unknown[]) => {
    if (event !== 'data') return emit(event, ...parts);
    try {
      return emit(event, ...parts);
    } catch (cause) {
      stream.destroy(Object.assign(new Error('nonsense', { cause }), { code: 'NONSENSE' }));
      return true;
    }
  };
}

/** A socket that doesn't follow a name to where machines get their own credentials (invariant S12). */
export class GuardedSocket extends Socket {
  constructor() {
    super();
    outliveNonsense(this);
  }

  override connect(...args: unknown[]): this {
    const [port, host] = args;
    const where: NetConnectOpts =
      typeof host === 'string'
        ? { port: Number(port), host, lookup: refusingLinkLocal }
        : (port as NetConnectOpts);
    return super.connect(where);
  }
}
