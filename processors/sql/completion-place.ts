import { type Dialect, type Region, scan } from './scanner.js';
import { split } from './statements.js';

/** A table that a statement names. */
export interface Source {
  readonly name: string;
  readonly alias?: string;
}

/** What could stand at a place of a statement. */
export interface SqlPlace {
  /** Where the word begins, and as much of it as is there. */
  readonly from: number;
  readonly typed: string;
  /** The name before a dot. */
  readonly qualifier?: string;
  /** Behind FROM, JOIN, INTO …: tables alone. */
  readonly takesTable: boolean;
  /** The tables of the whole statement, those behind the cursor too. */
  readonly sources: readonly Source[];
}

const WORD = String.raw`[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*`;
const NAME = `(?:${WORD}|"(?:[^"]|"")+"|\`(?:[^\`]|\`\`)+\`)`;
/** Words that may follow a table and are no other name for it. */
const CLAUSE = String.raw`(?:as|on|where|set|values|join|inner|left|right|full|cross|natural|group|order|having|limit|offset|union|using|window|for|returning|select|default|straight_join)\b`;
const SOURCE = String.raw`(${NAME}(?:\s*\.\s*${NAME})?)(?:\s+(?:as\s+)?(?!${CLAUSE})(${NAME}))?`;
const BEFORE_TABLE = String.raw`\b(?:from|join|update|into|table|truncate|describe|only)\s+`;

const TYPED = new RegExp(String.raw`(?:(${NAME})\s*\.\s*)?(${WORD})?$`);
const TAKES_TABLE = new RegExp(String.raw`(?:${BEFORE_TABLE}|\bfrom\s+(?:(?!\b${CLAUSE})[^;()])*,\s*)$`, 'i');
const ONE_SOURCE = new RegExp(SOURCE, 'gi');
const SOURCES = new RegExp(String.raw`${BEFORE_TABLE}(${SOURCE}(?:\s*,\s*${SOURCE})*)`, 'gi');

/** No names are completed in a longer cell, as the patterns are quadratic at worst (invariant S15). */
const LONGEST = 20_000;
/** So many characters before the cursor decide what may follow. */
const LONGEST_LEAD = 2_000;

/**
 * Reads a cell around the cursor, however unfinished it is.
 * @returns undefined in a text, a comment, a quoted name or a number, and in a very long cell
 */
export function sqlPlace(body: string, cursor: number, dialect: Dialect): SqlPlace | undefined {
  if (body.length > LONGEST) return undefined;
  const within = scan(body, dialect).find(({ from, to }) => from < cursor && cursor <= to);
  if (within !== undefined && within.kind !== 'code' && !isClosed(within, body, cursor)) return undefined;
  const statement = split(body, dialect).find(({ regions }) => {
    const [first] = regions;
    return first !== undefined && first.from <= cursor && cursor <= (regions.at(-1)?.to ?? 0);
  });
  const regions = statement?.regions ?? [];
  const start = regions[0]?.from ?? cursor;
  const end = regions.at(-1)?.to ?? cursor;
  const before = readable(body, regions, start, cursor);
  const [whole = '', qualifier, typed = ''] = TYPED.exec(before.slice(-200)) ?? [];
  const lead = before.slice(-LONGEST_LEAD, before.length - whole.length);
  if (qualifier === undefined && /[\w$]$/.test(lead)) return undefined;
  const code = readable(body, regions, start, end);
  return {
    from: cursor - typed.length,
    typed,
    ...(qualifier !== undefined && { qualifier: unquoted(qualifier) }),
    takesTable: TAKES_TABLE.test(lead),
    sources: [...code.matchAll(SOURCES)].flatMap(([, list = '']) => sourcesIn(list)),
  };
}

function sourcesIn(list: string): Source[] {
  return [...list.matchAll(ONE_SOURCE)].map(([, name = '', alias]) => ({
    name: unquoted(/[^.]*$/.exec(name)?.[0] ?? ''),
    ...(alias !== undefined && { alias: unquoted(alias) }),
  }));
}

/** Behind its last character a quoted name is over, unless nothing closes it. */
function isClosed({ kind, from, to }: Region, body: string, cursor: number): boolean {
  return kind === 'identifier' && cursor === to && to > from + 1 && body[to - 1] === body[from];
}

/** Code and quoted names as they are; texts, comments and references as blanks of the same length. */
function readable(body: string, regions: readonly Region[], start: number, end: number): string {
  let result = '';
  for (const { kind, from, to } of regions) {
    if (from >= end) break;
    result = result.padEnd(from - start);
    const part = body.slice(from, Math.min(to, end));
    result += kind === 'code' || kind === 'identifier' ? part : ' '.repeat(part.length);
  }
  return result.padEnd(end - start);
}

function unquoted(name: string): string {
  const text = name.trim();
  const quote = text[0] ?? '';
  return quote === '"' || quote === '`' ? text.slice(1, -1).replaceAll(quote + quote, quote) : text;
}
