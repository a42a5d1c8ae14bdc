import type { Json } from './processor.js';

/** Characters that a Python string may show as they are: no control, format, surrogate or unassigned ones. */
const READABLE = /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;

/** Writes a value as a Python literal on one line. */
export function pythonLiteral(value: Json): string {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : `float("${value}")`;
  if (typeof value === 'string') return pythonString(value);
  if (isList(value)) return `[${value.map(pythonLiteral).join(', ')}]`;
  const entries = Object.entries(value).map(([key, item]) => `${pythonString(key)}: ${pythonLiteral(item)}`);
  return `{${entries.join(', ')}}`;
}

/** @param ascii escape everything that isn't ASCII too */
export function pythonString(text: string, ascii = false): string {
  return `"${[...text].map((character) => escaped(character, ascii)).join('')}"`;
}

function escaped(character: string, ascii: boolean): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === '"' || character === '\\') return `\\${character}`;
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  if (READABLE.test(character) && (!ascii || code < 0x80)) return character;
  const hex = code.toString(16);
  return code > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
