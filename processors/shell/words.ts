import { referenceAt } from '../core/references.js';
import type { Cursor } from './cursor.js';

// Quotes and expansions: the pieces that words are made of. Source: Bash Reference Manual, 3.1.2 and 3.5.

const ARITHMETIC = 'bash evaluates arithmetic as code; assign it to a variable and check that it is a number';
const EXPANSION =
  'a value in the braces of an expansion can’t be kept apart from code; assign it to a variable first';

/** One piece of an unquoted word. */
export function unquoted(cursor: Cursor): void {
  if (cursor.sees("'")) single(cursor, "'");
  else if (cursor.sees('"')) double(cursor);
  else if (cursor.sees('<(') || cursor.sees('>(')) substitution(cursor);
  else if (cursor.sees("$'")) single(cursor, "$'");
  else if (cursor.sees('$"')) {
    cursor.copy();
    double(cursor);
  } else expandable(cursor, false);
}

/**
 * A character, escape, expansion or reference, where quotes have no meaning.
 * @param quoted whether it is kept one word already: in double quotes or a here-document
 */
export function expandable(cursor: Cursor, quoted: boolean): void {
  const [before, after] = quoted ? ['${', '}'] : ['"${', '}"'];
  if (cursor.escapedReference() || cursor.reference(before, after)) return;
  if (cursor.here === '\\') cursor.copy(2);
  else if (cursor.here === '`') backticks(cursor);
  else if (cursor.here === '$') dollar(cursor, quoted);
  else cursor.copy();
}

/** `((…))`, from its first bracket. */
export function arithmetic(cursor: Cursor): void {
  cursor.copy();
  opaque(cursor, '()', ARITHMETIC);
  if (cursor.here !== ')') cursor.unsure('“((”, unless a space comes between,');
  cursor.copy();
}

/**
 * Everything between a pair of brackets, in which no reference may stand.
 * @param quoted whether the brackets stand in double quotes
 */
export function opaque(cursor: Cursor, pair: '()' | '[]' | '{}', why: string, quoted = false): void {
  const [open, close] = pair;
  const read = () => {
    let depth = 1;
    cursor.copy();
    while (cursor.more && depth > 0) {
      // To bash a brace inside an expansion is text: only its end counts.
      const opens = cursor.here === open && open !== '{';
      if (opens) depth++;
      if (cursor.here === close) depth--;
      if (opens || cursor.here === close) cursor.copy();
      else if (cursor.here === "'" && quoted)
        cursor.unsure('a single quote in an expansion in double quotes');
      else unquoted(cursor);
    }
  };
  cursor.within(() => why, read);
}

function dollar(cursor: Cursor, quoted: boolean): void {
  if (referenceAt(cursor.text, cursor.at + 1) !== undefined) cursor.refuse('leave out the $ before {{…}}');
  if (cursor.sees('$((')) {
    cursor.copy();
    arithmetic(cursor);
  } else if (cursor.sees('$(')) substitution(cursor);
  else {
    cursor.copy();
    if (cursor.here === '[') opaque(cursor, '[]', ARITHMETIC);
    else if (cursor.here === '{') opaque(cursor, '{}', EXPANSION, quoted);
  }
}

/** `$( … )`, `<( … )` or `>( … )`. */
function substitution(cursor: Cursor): void {
  cursor.copy(2);
  cursor.commands();
  cursor.close(')');
}

function single(cursor: Cursor, opening: "'" | "$'"): void {
  const name = opening === "'" ? 'single quotes' : "$'…'";
  cursor.copy(opening.length);
  while (cursor.more && cursor.here !== "'") {
    if (cursor.escapedReference()) continue;
    cursor.refuseReference(
      `inside ${name} bash expands nothing; use double quotes, or \\{{ for the text itself`,
    );
    cursor.copy(opening === "$'" && cursor.here === '\\' ? 2 : 1);
  }
  cursor.copy();
}

function double(cursor: Cursor): void {
  cursor.copy();
  while (cursor.more && cursor.here !== '"') expandable(cursor, true);
  cursor.copy();
}

function backticks(cursor: Cursor): void {
  cursor.copy();
  while (cursor.more && cursor.here !== '`') {
    if (cursor.escapedReference()) continue;
    cursor.refuseReference('inside `…` it can’t be kept apart from code; use $( … )');
    cursor.copy(cursor.here === '\\' ? 2 : 1);
  }
  cursor.copy();
}
