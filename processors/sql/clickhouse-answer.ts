import { StringDecoder } from 'node:string_decoder';
import { parseExactJson } from '../core/exact-json.js';
import type { Json } from '../core/processor.js';
import { CellError } from '../core/processor.js';
import { type Exception, exceptionIn } from './clickhouse-errors.js';
import { typedOf } from './clickhouse-types.js';
import type { RowPages } from './row-pages.js';

/** A line is a row. The longest, and the longest head and foot, in characters. */
const LONGEST_LINE = 64 * 1024 * 1024;
const LONGEST_HEAD = 8 * 1024 * 1024;
const ROW = /^\s*\[/;
const END_OF_ROWS = /^\s*\],?$/;

/**
 * Reads an answer in the format JSONCompact as it comes. Each row is a line, so that a text that isn't one is no row: an
 * error in the middle of rows comes with status 200, right behind the last of them.
 * Source: https://clickhouse.com/docs/interfaces/formats/JSONCompact
 */
export class ClickhouseAnswer {
  hasRows = false;
  /** What the server says that went wrong after it had begun. */
  exception: Exception | undefined;
  /** Of `WITH TOTALS`. */
  totals = '';
  readonly #rows: RowPages<unknown>;
  readonly #isIso: boolean;
  readonly #decoder = new StringDecoder('utf8');
  #state: 'head' | 'bracket' | 'rows' | 'foot' = 'head';
  #line = '';
  #head = '';
  #foot = '';

  /** @param isIso see {@link typedOf} */
  constructor(rows: RowPages<unknown>, isIso: boolean) {
    this.#rows = rows;
    this.#isIso = isIso;
  }

  /** @throws {CellError} for what no ClickHouse would send */
  take(bytes: Buffer): void {
    const lines = this.#decoder.write(bytes).split('\n');
    lines[0] = this.#line + (lines[0] ?? '');
    this.#line = lines.pop() ?? '';
    for (const line of lines) this.#read(line);
    if (this.#line.length > LONGEST_LINE)
      throw new CellError('A row of the answer is too large. Ask for less.');
  }

  /** The answer is over. @throws {CellError} when something is missing */
  end(): void {
    this.#read(this.#line + this.#decoder.end());
    if (this.#state === 'head' && this.#head.trim() === '') return;
    const text = this.#state === 'head' ? this.#head : this.#foot;
    const foot = this.#state === 'foot' ? footOf(text) : undefined;
    if (foot !== undefined && foot.exception === undefined) {
      this.totals = Array.isArray(foot.totals) ? JSON.stringify(foot.totals) : '';
      return;
    }
    this.exception = exceptionIn(foot === undefined ? text : String(foot.exception));
    if (this.exception !== undefined) return;
    throw new CellError(
      this.#state === 'head'
        ? "The answer is not from ClickHouse's HTTP interface: is the connection's port right?"
        : 'The answer of the database ended in the middle.',
    );
  }

  #read(line: string): void {
    switch (this.#state) {
      case 'head':
        if (/^\s*"data":/.test(line)) this.#begin();
        else this.#head = bounded(`${this.#head}${line}\n`);
        return;
      case 'bracket':
        this.#state = 'rows';
        return;
      case 'rows':
        if (ROW.test(line)) this.#row(line);
        else if (END_OF_ROWS.test(line)) this.#state = 'foot';
        else if (line.trim() !== '') this.#broken(line);
        return;
      default:
        this.#foot = bounded(`${this.#foot}${line}\n`);
    }
  }

  #begin(): void {
    let meta: unknown;
    try {
      meta = Object(JSON.parse(`${this.#head.trim().replace(/,$/, '')}}`)).meta;
    } catch {
      meta = undefined;
    }
    if (!Array.isArray(meta))
      throw new CellError('The answer has no names of columns: it is not from ClickHouse.');
    const columns = meta.map((each) => {
      const { name, type } = Object(each) as { name?: unknown; type?: unknown };
      return typedOf(String(name ?? ''), String(type ?? ''), this.#isIso);
    });
    this.hasRows = true;
    this.#rows.begin(
      columns.map(({ column }) => column),
      columns.map(({ read }) => read as (value: unknown) => Json),
    );
    this.#state = 'bracket';
  }

  #row(line: string): void {
    const text = line.endsWith(',') ? line.slice(0, -1) : line;
    let row: unknown;
    try {
      row = parseExactJson(text);
    } catch {
      this.#broken(line);
      return;
    }
    if (Array.isArray(row)) this.#rows.add(row);
  }

  /** Not a row: what follows is the server's error. */
  #broken(line: string): void {
    this.#state = 'foot';
    // From where the error begins: a row may be as long as it likes.
    const at = line.lastIndexOf('Code: ');
    this.#foot = `${at < 0 ? line.slice(-LONGEST_HEAD) : line.slice(at)}\n`;
  }
}

function bounded(text: string): string {
  if (text.length <= LONGEST_HEAD) return text;
  throw new CellError('The head or foot of the answer is too large: it is not from ClickHouse.');
}

/** What comes behind the rows: totals, their number, statistics; servers of 2023 write an exception among them. */
function footOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return Object(JSON.parse(`{${text.trim()}`));
  } catch {
    return undefined;
  }
}
