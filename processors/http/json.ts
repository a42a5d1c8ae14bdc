import { type Pieces, sizeOf } from '../core/apart.js';
import { CellError } from '../core/cell-error.js';
import { parseExactJson } from '../core/exact-json.js';

/** What is read in one piece, in bytes: a parsed answer takes some ten times its size in memory. */
const LARGEST = 32 * 1024 * 1024;

/** The most values in an answer: text that is small (`{},{},…`) can be large in memory. */
const MOST_VALUES = 4_000_000;

/** Code that writes JSON again, or reads it in Python, makes one nested call for each level. */
const DEEPEST = 500;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/**
 * Reads an answer that is JSON, within the memory of a thread. Its numbers stay exact.
 * @returns undefined when it isn't JSON
 * @throws {CellError} for one that is too large
 */
export function readJson(pieces: Pieces): unknown {
  const size = sizeOf(pieces);
  if (size > LARGEST)
    throw new CellError(`The answer is larger than ${LARGEST / 1024 ** 2} MiB in one piece. Ask for less.`);
  const bytes = Buffer.concat(pieces, size);
  measure(bytes);
  try {
    return parseExactJson(bytes.toString());
  } catch {
    return undefined;
  }
}

function measure(bytes: Buffer): void {
  let values = 0;
  let depth = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      // To the end of the string: an escaped quote doesn't end it.
      for (at++; at < bytes.length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++;
    } else if (byte === 0x5b || byte === 0x7b) {
      values++;
      if (++depth > DEEPEST) throw new CellError(`The answer nests deeper than ${DEEPEST} levels.`);
    } else if (byte === 0x5d || byte === 0x7d) depth--;
    else if (byte === COMMA) values++;
  }
  if (values <= MOST_VALUES) return;
  throw new CellError(
    `The answer contains more than ${MOST_VALUES.toLocaleString('en')} values in one piece. Ask for less.`,
  );
}
