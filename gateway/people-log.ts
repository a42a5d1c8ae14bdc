import { printable, printableLines } from './printable.js';

/** A line of the log, as pino writes it. */
type LogRecord = Readonly<Record<string, unknown>>;

/** How it is shown. */
export interface Looks {
  readonly coloured: boolean;
  /** Of the terminal: what is only good to know takes one line. */
  readonly columns: number;
}

/** What a person at a terminal has no use for: it is in the log that isn't shown there (JSON). */
const UNSAID: ReadonlySet<string> = new Set([
  'level',
  'time',
  'msg',
  'event',
  'source',
  'request',
  'outcome',
]);
const PAINT: Readonly<Record<string, string>> = { warn: '33', error: '31', fatal: '31' };
const NAMES: Readonly<Record<string, string>> = { warn: 'warning', error: 'error', fatal: 'error' };

/**
 * A line of the log for a person: time of day, what happened, and the rest of what is known as `name=value`. Every text in
 * it may be a stranger's.
 */
export function forPeople(record: LogRecord, { coloured, columns }: Looks): string {
  const level = String(record.level);
  const paint = (code: string, text: string) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);
  const time = new Date(String(record.time)).toTimeString().slice(0, 8);
  const [what, rest] = record.msg === 'cell' ? cellOf(record) : [textOf(record.msg), record];
  const details = Object.entries(rest)
    .filter(([name, value]) => !UNSAID.has(name) && value !== undefined && value !== null)
    .map(([name, value]) => `${printable(name)}=${textOf(value)}`);
  const said = [what, ...details].join('  ');
  const name = NAMES[level];
  if (name !== undefined) return `${time} ${paint(PAINT[level] ?? '', `${name}:`)} ${said}`;
  const room = Math.max(20, columns - time.length - 1);
  const shortened = said.length > room ? `${said.slice(0, room - 1)}…` : said;
  return `${paint('2', time)} ${shortened}`;
}

/** One executed cell (`CellRecord`): who ran what, and how it ended. */
function cellOf(record: LogRecord): [string, LogRecord] {
  const { processor, status, duration_ms, principal, address, kernel, ...rest } = record;
  const seconds = typeof duration_ms === 'number' ? ` ${(duration_ms / 1000).toFixed(2)} s` : '';
  const who = `${textOf(principal)}@${textOf(address)}`;
  return [
    `cell %%${textOf(processor)} ${textOf(status)}${seconds}  ${who}  kernel ${textOf(kernel).slice(0, 8)}`,
    rest,
  ];
}

/** Errors and lists as people write them. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return printableLines(value).replaceAll('\n', '\n         ');
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  if ('message' in value && typeof value.message === 'string') return textOf(value.message);
  return printable(JSON.stringify(value));
}
