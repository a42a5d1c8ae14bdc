import { CellError, type Json } from './processor.js';

/** A SPIN cell before its options were checked. */
export interface Draft {
  readonly processor: string;
  /** Written `%%processor?` or `%%processor??`, the way IPython asks for help, or with `--help` or `-h`, as shells do. */
  readonly help: boolean;
  readonly connection: string | undefined;
  /** In order of writing; undefined: written without a value. */
  readonly options: readonly (readonly [name: string, value: Json | undefined])[];
  readonly body: string;
}

// IPython itself ignores empty lines before a cell magic, and only takes one that isn't indented.
// Takes a line whole and trims it later: looking for its end blank by blank takes quadratic time.
const FIRST_LINE = /^(?:[ \t\f]*\r?\n)*%%([A-Za-z][\w-]*)(\?{0,2})(?:[ \t]([^\r\n]*))?(?:\r?\n|$)/;
const WORD = /\s*((?:[^\s"']|"[^"]*"|'[^']*')+)/gy;

/** @returns the word after `%%`, if a cell starts with one */
export function headName(code: string): string | undefined {
  return code.includes('%%') ? FIRST_LINE.exec(code)?.[1] : undefined;
}

/**
 * Reads `%%name [connection] [--option value …]` or `%%spin name …`.
 * @throws {CellError} when the first line can't be understood
 */
export function readHead(code: string, isFlag: (processor: string, option: string) => boolean): Draft {
  const match = FIRST_LINE.exec(code);
  if (match === null) throw new CellError('A SPIN cell starts with %%name.');
  // The next one last: to take the first of many moves all others.
  const words = splitWords((match[3] ?? '').trim()).reverse();
  let name = match[1] ?? '';
  let help = match[2] !== '';
  if (name === 'spin') {
    name = (words.pop() ?? '').replace(/\?{1,2}$/, () => {
      help = true;
      return '';
    });
    if (name === '--help' || name === '-h') [name, help] = ['', true];
  }
  const options: [string, Json | undefined][] = [];
  const plain: string[] = [];
  while (words.length > 0) {
    const word = words.pop() ?? '';
    if (/^(?:--help|-h|\?{1,2})$/.test(word)) {
      help = true;
      continue;
    }
    if (!word.startsWith('--')) {
      plain.push(word);
      continue;
    }
    const [option = '', ...value] = word.slice(2).split('=');
    if (value.length > 0) options.push([option, value.join('=')]);
    else if (isFlag(name, option)) options.push([option, true]);
    else options.push([option, words.at(-1)?.startsWith('--') ? undefined : words.pop()]);
  }
  if (plain.length > 1) {
    throw new CellError(
      `The first line of %%${name} takes one connection name and options, but contains more words. ` +
        'Put everything else on the lines below. Put a value with spaces in quotes.',
    );
  }
  return { processor: name, help, connection: plain[0], options, body: code.slice(match[0].length) };
}

/**
 * Reads `metadata.spin = {"cell": processor, "connection": …, "options": {…}}` that a user interface has set.
 * @throws {CellError} when it has another shape
 */
export function readMetadata(spin: Readonly<Record<string, unknown>>, code: string): Draft {
  const { cell, connection, options } = spin;
  if (typeof cell !== 'string') throw new CellError("metadata.spin.cell has to be a processor's name.");
  if (connection !== undefined && connection !== null && typeof connection !== 'string')
    throw new CellError('metadata.spin.connection has to be text.');
  if (options !== undefined && !isObject(options))
    throw new CellError('metadata.spin.options has to be an object.');
  return {
    processor: cell,
    help: false,
    connection: connection ?? undefined,
    options: Object.entries(options ?? {}) as [string, Json][],
    body: code,
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function splitWords(line: string): string[] {
  WORD.lastIndex = 0;
  const words: string[] = [];
  while (WORD.lastIndex < line.length) {
    const word = WORD.exec(line)?.[1];
    if (word === undefined) throw new CellError('A quote in the first line of this cell is not closed.');
    words.push(word.replace(/"([^"]*)"|'([^']*)'/g, (_, double = '', single = '') => double + single));
  }
  return words;
}
