import { closest, distance } from 'fastest-levenshtein';
import type { Draft } from './header.js';
import { type Cell, CellError, type Option, type Processor } from './processor.js';
import { quoted } from './refusal.js';

/** Options that several processors take. */
export const OUT: Option = { type: 'string', help: 'also store the result in this variable' };
export const RAW: Option = { type: 'flag', help: 'leave {{…}} as it is' };
export const ROWS: Option = { type: 'number', help: 'show this many rows of a table' };
export const TIMEOUT: Option = { type: 'number', help: 'give up after this many seconds' };

/** More make a notebook too heavy for a browser. */
const MOST_ROWS = 5_000;

const PYTHON_WORDS = new Set(
  `False None True and as assert async await break class continue def del elif else except finally for from
   global if import in is lambda nonlocal not or pass raise return try while with yield`.split(/\s+/),
);

/**
 * Checks a cell's options against what its processor takes.
 * @throws {CellError} naming the option and, where there is one, the option that was probably meant
 */
export function checkCell(draft: Draft, processor: Processor): Cell {
  if (draft.connection !== undefined && processor.connection === undefined) {
    throw new CellError(
      `%%${processor.name} takes no connection, but its first line contains “${quoted(draft.connection)}”. ` +
        'Put everything but options on the lines below.',
    );
  }
  const options: Record<string, string | number | boolean> = {};
  for (const [name, value] of draft.options) {
    const option = Object.hasOwn(processor.options, name) ? processor.options[name] : undefined;
    if (option === undefined) throw new CellError(unknownOption(name, processor));
    if (Object.hasOwn(options, name)) throw new CellError(`--${name} is given twice.`);
    options[name] = readValue(name, option, value);
  }
  const { out, timeout, rows } = options;
  if (typeof out === 'string' && (!/^[A-Za-z_]\w*$/.test(out) || PYTHON_WORDS.has(out)))
    throw new CellError(`--out takes the name of a variable, not “${quoted(out)}”.`);
  if (typeof timeout === 'number' && !(timeout > 0 && timeout <= 86_400))
    throw new CellError('--timeout takes seconds: more than 0, at most 86400.');
  if (typeof rows === 'number' && processor.options.rows === ROWS && !isCount(rows))
    throw new CellError(`--rows takes a whole number from 1 to ${MOST_ROWS.toLocaleString('en')}.`);
  return { processor: processor.name, connection: draft.connection, options, body: draft.body };
}

function isCount(rows: number): boolean {
  return Number.isInteger(rows) && rows >= 1 && rows <= MOST_ROWS;
}

/** @returns “ Did you mean …?” or nothing */
export function suggestion(word: string, known: readonly string[], prefix: string): string {
  if (known.length === 0) return '';
  const nearest = closest(word, known);
  return distance(word, nearest) <= Math.max(2, word.length / 3) ? ` Did you mean ${prefix}${nearest}?` : '';
}

function readValue(name: string, option: Option, value: unknown): string | number | boolean {
  if (option.type === 'flag') {
    if (typeof value === 'boolean') return value;
    throw new CellError(`--${name} takes no value.`);
  }
  if (value === undefined) throw new CellError(`--${name} needs a value.`);
  if (option.type === 'number') {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number)) return number;
    throw new CellError(`--${name} takes a number.`);
  }
  if (typeof value === 'string') return value;
  throw new CellError(`--${name} takes text.`);
}

function unknownOption(name: string, { name: processor, options }: Processor): string {
  const known = Object.keys(options);
  const has = known.length > 0 ? ` Options: ${known.map((option) => `--${option}`).join(', ')}.` : '';
  return (
    `%%${processor} has no option --${quoted(name)}.${suggestion(name, known, '--')}${has} ` +
    `%%spin ${processor}? explains it.`
  );
}
