import { skipSpace, stringEnd } from './json-text.js';

/** What Python's parser takes as a value, beside strings, lists and objects. */
const SCALAR = /-?(?:Infinity|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|NaN|true|false|null/y;

/**
 * Checks that a text is JSON as Python reads it (NaN and Infinity too) and builds nothing of it: parsed, ten million
 * empty objects in 30 MB would be a gigabyte (invariant S14).
 *
 * @throws {SyntaxError}
 */
export function checkJson(text: string): void {
  const inObject = new Uint8Array(text.length);
  let depth = 0;
  let at = skipSpace(text, 0);
  for (;;) {
    if (text[at] === '{' || text[at] === '[') {
      const isObject = text[at] === '{';
      at = skipSpace(text, at + 1);
      if (text[at] !== (isObject ? '}' : ']')) {
        inObject[depth++] = Number(isObject);
        if (isObject) at = keyEnd(text, at);
        continue;
      }
      at++;
    } else at = scalarEnd(text, at);
    for (at = skipSpace(text, at); depth > 0 && text[at] !== ','; at = skipSpace(text, at + 1)) {
      if (text[at] !== (inObject[depth - 1] ? '}' : ']')) throw new SyntaxError(`no end at ${at}`);
      depth--;
    }
    if (depth === 0) break;
    at = skipSpace(text, at + 1);
    if (inObject[depth - 1]) at = keyEnd(text, at);
  }
  if (at !== text.length) throw new SyntaxError('text after the value');
}

function keyEnd(text: string, start: number): number {
  const colon = skipSpace(text, scalarEnd(text, start, true));
  if (text[colon] !== ':') throw new SyntaxError(`no colon at ${colon}`);
  return skipSpace(text, colon + 1);
}

function scalarEnd(text: string, start: number, isKey = false): number {
  if (isKey || text[start] === '"') {
    const end = stringEnd(text, start);
    JSON.parse(text.slice(start, end));
    return end;
  }
  SCALAR.lastIndex = start;
  if (!SCALAR.test(text)) throw new SyntaxError(`no value at ${start}`);
  return SCALAR.lastIndex;
}
