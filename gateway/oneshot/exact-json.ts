import { randomUUID } from 'node:crypto';
import { mapBare } from '../channel/wire/json-text.js';

/** Marks, in a string, a number that JavaScript can't represent. No notebook can know it, so no text is taken for one. */
const MARK = `number:${randomUUID()}:`;
const MARKED = new RegExp(`"${MARK}([^"]*)"`, 'g');
const NUMBER = /-?(?:Infinity|NaN|\d[\d.eE+-]*)/g;

/**
 * Reads JSON as Python's parser does. A number that JavaScript would change (`1.0`, one of twenty digits, NaN) becomes
 * a string that {@link printExact} writes as the number that it was.
 *
 * @throws {SyntaxError}
 */
export function parseExact(text: string): unknown {
  return JSON.parse(mapBare(text, (bare) => bare.replace(NUMBER, kept)));
}

/** @param indent spaces; 0 for one line */
export function printExact(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(MARKED, '$1');
}

function kept(digits: string): string {
  const number = Number(digits);
  const isHeld = Number.isFinite(number) && String(number) === digits;
  return isHeld || !isNumber(digits) ? digits : `"${MARK}${digits}"`;
}

/** Text that isn't a number stays, and is a mistake for the parser. */
function isNumber(digits: string): boolean {
  return /^-?(?:Infinity|NaN|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/.test(digits);
}
