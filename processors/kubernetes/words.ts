import { CellError } from '../core/processor.js';
import { cellReferencesIn, isProvided, referenceAt } from '../core/references.js';
import { compoundName, isPlain, type Value } from '../core/value.js';

/** A word of a command: text, and references to kernel variables. Quotes are gone. */
export interface Word {
  readonly pieces: readonly Piece[];
  /** As it is written, for what is shown and for errors. */
  readonly written: string;
  /** Whether it begins with a quote: then it is no flag. */
  readonly isQuoted: boolean;
}

type Piece = string | { readonly reference: string };

export type Values = ReadonlyMap<string, Value>;

/** Where a word stands, and so what a value in it may be. */
export type Place = 'name' | 'field' | 'time';

/** Names, label values, numbers and durations: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const TIME = /^[\dTZ:.+ -]+$/;

/** Signs that a shell would read, and this cell doesn't. */
const OF_SHELLS = new Set(['|', '||', '&&', ';', '>', '>>', '<', '<<']);

/**
 * Splits a line as a shell does: by spaces, with '…' and "…" around what contains some. A value is put in later, so it
 * can't become two words, or a flag.
 *
 * @throws {CellError} for a quote that isn't closed, and for what only a shell would understand
 */
export function wordsOf(line: string, isRaw: boolean): Word[] {
  const words: Word[] = [];
  for (let start = 0; start < line.length; ) {
    if (isSpace(line[start])) {
      start += 1;
      continue;
    }
    const { word, end } = wordAt(line, start, isRaw);
    if (!word.isQuoted && OF_SHELLS.has(word.written))
      throw new CellError(
        `“${word.written}” is for a shell. A line of this cell is one command: store its table with --out and work on it in Python.`,
      );
    words.push(word);
    start = end;
  }
  return words;
}

function wordAt(line: string, start: number, isRaw: boolean): { word: Word; end: number } {
  const pieces: Piece[] = [];
  let text = '';
  let quote = '';
  let at = start;
  for (; at < line.length && (quote !== '' || !isSpace(line[at])); ) {
    const character = line[at] ?? '';
    const reference = isRaw || !line.startsWith('{{', at) ? undefined : referenceAt(line, at);
    if (reference !== undefined) {
      pieces.push(text, { reference });
      text = '';
      at += reference.length + 4;
    } else if (!isRaw && line.startsWith('\\{{', at)) {
      text += '{{';
      at += 3;
    } else {
      if (character === quote) quote = '';
      else if (quote === '' && (character === '"' || character === "'")) quote = character;
      else text += character;
      at += 1;
    }
  }
  if (quote !== '') throw new CellError('A quote in this cell is not closed.');
  const whole = [...pieces, text].filter((piece) => piece !== '');
  const written = line.slice(start, at);
  return { word: { pieces: whole, written, isQuoted: /^["']/.test(written) }, end: at };
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

/** A part of a word from an offset of its text on, as behind `--name=`. Only before any reference. */
export function behind(word: Word, length: number): Word {
  const [first, ...rest] = word.pieces;
  if (typeof first !== 'string') return word;
  return { ...word, pieces: [first.slice(length), ...rest].filter((piece) => piece !== '') };
}

/** The text before any reference. */
export function headOf({ pieces }: Word): string {
  return typeof pieces[0] === 'string' ? pieces[0] : '';
}

/** @throws {CellError} for a value that only the gateway has: servers log what they are asked */
export function variablesOf(text: string, place: string): string[] {
  const references = cellReferencesIn(text);
  const provided = references.find(isProvided);
  if (provided === undefined) return references;
  throw new CellError(`{{${provided}}} can't be used in ${place}. Use a variable.`);
}

/**
 * A word with its values. What isn't a name is refused, since Kubernetes has no way to quote it: in a selector a comma
 * begins another condition. Only field selectors have an escape.
 *
 * Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/fields#EscapeValue
 *
 * @throws {CellError} for a value that can't stand there
 */
export function rendered({ pieces }: Word, values: Values, place: Place = 'name'): string {
  return pieces
    .map((piece) => (typeof piece === 'string' ? piece : placed(piece.reference, values, place)))
    .join('');
}

/** The same for words that name objects: a list is several names. */
export function renderedAll(word: Word, values: Values): string[] {
  const [only] = word.pieces;
  const value = typeof only === 'object' && word.pieces.length === 1 ? values.get(only.reference) : undefined;
  if (typeof only !== 'object' || value?.type !== 'list') return [rendered(word, values)];
  return value.value.map((each) => scalar(only.reference, each, 'name'));
}

function placed(reference: string, values: Values, place: Place): string {
  const value = values.get(reference);
  if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
  // In a selector: env in (a,b).
  if (value.type === 'list' && place === 'name')
    return value.value.map((each) => scalar(reference, each, place)).join(',');
  return scalar(reference, value, place);
}

function scalar(reference: string, value: Value, place: Place): string {
  if (!isPlain(value))
    throw new CellError(`{{${reference}}} is ${compoundName(value)}. A command takes text and numbers.`);
  const text = String(value.value);
  if (place === 'field') return text.replace(/[\\,=]/g, (character) => `\\${character}`);
  if (NAME.test(text) || (place === 'time' && TIME.test(text))) return text;
  throw new CellError(
    `The value of {{${reference}}} can't stand in a command: it has to be a name of Kubernetes (letters, digits, “-”, “_” and “.”).`,
  );
}
