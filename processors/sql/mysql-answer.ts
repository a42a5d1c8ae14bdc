import type { Connection } from 'mysql2';
import type { Page } from '../core/pages.js';
import { readerOf } from './mysql-types.js';
import { RowPages } from './row-pages.js';
import { columnOf } from './types.js';
import type { GuardedSocket } from './wire.js';

/** A packet of the driver's, at its first byte. */
interface Packet {
  readonly sequenceId: number;
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
}

/** What the driver's connection has besides what its types say. */
export type Inside = Connection & {
  readonly stream: GuardedSocket;
  readonly sequenceId: number;
  readonly _paused: boolean;
  handlePacket(packet?: Packet): void;
};

type Field = { readonly name: string; columnType: number; characterSet: number; readonly decimals?: number };

/** Of the protocol: https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html */
const BLOB = 252;
/** Types that the driver would make objects of, where the bytes are meant: VECTOR and GEOMETRY. */
const AS_BYTES = new Set([242, 255]);
const BINARY = 63;
/** The first byte of the packet behind the columns, and behind the rows. */
const EOF = 0xfe;

/** The result of one statement, as pages. The database waits until the gateway reads them. */
export class Answer {
  hasRows = false;
  affected = 0;
  /** The protocol's status flags after the statement. */
  status = 0;
  warnings = 0;
  /** The session's time zone, where the server says that it has changed. */
  zone: string | undefined;
  readonly #pages: RowPages<unknown>;
  readonly #instants: boolean;

  /**
   * @param most rows of each result
   * @param instants whether the session is in UTC, so that a TIMESTAMP is shown as the instant that it is
   */
  constructor(connection: Connection, most: number, instants: boolean) {
    this.#pages = new RowPages(connection, most);
    this.#instants = instants;
  }

  get goesOn(): boolean {
    return this.#pages.goesOn;
  }

  listen(query: ReturnType<Connection['query']>): void {
    query.on('fields', (fields: unknown) => {
      if (Array.isArray(fields)) this.#begin(fields);
    });
    query.on('result', (result: unknown) => {
      if (Array.isArray(result)) this.#pages.add(result);
      else {
        const header = Object(result) as {
          affectedRows?: number;
          serverStatus?: number;
          warningStatus?: number;
          stateChanges?: { systemVariables?: { time_zone?: string } };
        };
        this.affected = header.affectedRows ?? 0;
        this.status = header.serverStatus ?? 0;
        this.warnings = header.warningStatus ?? 0;
        this.zone = header.stateChanges?.systemVariables?.time_zone ?? this.zone;
      }
    });
    query.on('error', (error: unknown) => this.fail(error));
    query.on('end', () => this.#pages.end());
  }

  /** The driver reads over how many warnings there are where a result ends. */
  see({ buffer, offset, end }: Packet): void {
    // As the driver knows it, of every packet: a row that begins so is longer.
    if (buffer[offset] !== EOF || end - offset >= 9 || end - offset < 5) return;
    this.warnings = buffer.readUInt16LE(offset + 1);
    this.status = buffer.readUInt16LE(offset + 3);
  }

  fail(error: unknown): void {
    // Stopped at the limit: that is no failure.
    if (this.goesOn) this.#pages.end();
    else this.#pages.fail(error);
  }

  /** @returns undefined at the end */
  next(): Promise<Page | undefined> {
    return this.#pages.next();
  }

  #begin(fields: readonly Field[]): void {
    this.hasRows = true;
    const readers = fields.map((field) => readerOf(field, this.#instants));
    for (const field of fields) {
      // The driver reads the rows by these fields from now on.
      if (AS_BYTES.has(field.columnType)) Object.assign(field, { columnType: BLOB, characterSet: BINARY });
    }
    const columns = fields.map(({ name }, at) => {
      const { reader, isList } = readers[at] ?? readerOf({ columnType: 0, characterSet: 0 }, false);
      return columnOf(name, reader, isList);
    });
    this.#pages.begin(
      columns,
      readers.map(({ read }) => read),
    );
  }
}
