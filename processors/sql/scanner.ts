import { referenceAt } from '../core/references.js';

export type Dialect = 'postgres' | 'mysql' | 'clickhouse';

/**
 * A stretch of SQL. `reference`: a `{{variable}}` in code; `executable`: a comment whose content MySQL runs all the same.
 */
export interface Region {
  readonly kind: 'code' | 'reference' | 'string' | 'identifier' | 'comment' | 'executable';
  readonly from: number;
  readonly to: number;
}

/** What can continue a name: behind it, `$` and `E'` begin nothing. */
const WORD = /[\w$\u0080-\uffff]/;
const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const LINE_END = /[\r\n]/g;
/** Two strings on separate lines are one string. It goes on as it began. */
const CONTINUED = /[ \t\f\v]*[\r\n]\s*'/y;

/**
 * Tells code from quoted text and comments, so that every character is in one region. What isn't closed goes on to the
 * end: the database will say so.
 *
 * Source: https://www.postgresql.org/docs/current/sql-syntax-lexical.html,
 * https://dev.mysql.com/doc/refman/8.4/en/language-structure.html, https://clickhouse.com/docs/sql-reference/syntax; with
 * PostgreSQL's standard strings, and the backslashes of MySQL and ClickHouse
 *
 * @param withReferences false: `{{` is text like any other (`--raw`)
 */
export function scan(sql: string, dialect: Dialect, withReferences = true): Region[] {
  const regions: Region[] = [];
  let codeFrom = 0;
  const add = (kind: Region['kind'], from: number, to: number) => {
    if (to > from) regions.push({ kind, from, to });
  };
  for (let at = 0; at < sql.length; ) {
    if (withReferences && sql.startsWith('\\{{', at)) {
      at += 3;
      continue;
    }
    const region = (withReferences && referenceFrom(sql, at)) || quotedFrom(sql, at, dialect);
    if (region) {
      add('code', codeFrom, at);
      add(region.kind, at, region.to);
      at = region.to;
      codeFrom = at;
    } else at += 1;
  }
  add('code', codeFrom, sql.length);
  return regions;
}

type Begun = Pick<Region, 'kind' | 'to'> | undefined;

function referenceFrom(sql: string, at: number): Begun {
  if (!sql.startsWith('{{', at)) return undefined;
  const reference = referenceAt(sql, at);
  return reference === undefined ? undefined : { kind: 'reference', to: at + reference.length + 4 };
}

function quotedFrom(sql: string, at: number, dialect: Dialect): Begun {
  if (dialect === 'clickhouse') return clickhouseQuotedFrom(sql, at);
  const mysql = dialect === 'mysql';
  switch (sql[at]) {
    case "'": {
      const escapes = mysql || (/[eE]/.test(sql[at - 1] ?? '') && !WORD.test(sql[at - 2] ?? ''));
      return { kind: 'string', to: afterString(sql, at, escapes, !mysql) };
    }
    case '"':
      return { kind: mysql ? 'string' : 'identifier', to: afterQuote(sql, at, mysql) };
    case '`':
      return mysql ? { kind: 'identifier', to: afterQuote(sql, at, false) } : undefined;
    case '-': {
      const begins = sql[at + 1] === '-' && (!mysql || /^[\s\0-\x1f]?$/.test(sql[at + 2] ?? ''));
      return begins ? { kind: 'comment', to: lineEnd(sql, at) } : undefined;
    }
    case '#':
      return mysql ? { kind: 'comment', to: lineEnd(sql, at) } : undefined;
    case '/':
      if (sql[at + 1] !== '*') return undefined;
      if (mysql) {
        const runs = sql[at + 2] === '!' || sql.startsWith('M!', at + 2);
        return { kind: runs ? 'executable' : 'comment', to: after(sql, '*/', at + 2) };
      }
      return { kind: 'comment', to: afterNested(sql, at) };
    case '$':
      return mysql ? undefined : dollarFrom(sql, at);
    default:
      return undefined;
  }
}

/** Backslashes escape in names too; a hash begins a comment only before a blank or an exclamation mark. */
function clickhouseQuotedFrom(sql: string, at: number): Begun {
  switch (sql[at]) {
    case "'":
      return { kind: 'string', to: afterQuote(sql, at, true) };
    case '"':
    case '`':
      return { kind: 'identifier', to: afterQuote(sql, at, true) };
    case '-':
      return sql[at + 1] === '-' ? { kind: 'comment', to: lineEnd(sql, at) } : undefined;
    case '#':
      return /[ !]/.test(sql[at + 1] ?? '') ? { kind: 'comment', to: lineEnd(sql, at) } : undefined;
    case '/':
      return sql[at + 1] === '*' ? { kind: 'comment', to: after(sql, '*/', at + 2) } : undefined;
    case '$':
      return dollarFrom(sql, at);
    default:
      return undefined;
  }
}

/** A text between two equal tags: `$$…$$`, `$body$…$body$`. */
function dollarFrom(sql: string, at: number): Begun {
  if (WORD.test(sql[at - 1] ?? '')) return undefined;
  DOLLAR.lastIndex = at;
  const tag = DOLLAR.exec(sql)?.[0];
  return tag === undefined ? undefined : { kind: 'string', to: after(sql, tag, at + tag.length) };
}

function afterString(sql: string, start: number, escapes: boolean, continues: boolean): number {
  let to = afterQuote(sql, start, escapes);
  while (continues && to < sql.length) {
    CONTINUED.lastIndex = to;
    const gap = CONTINUED.exec(sql)?.[0].length;
    if (gap === undefined) break;
    to = afterQuote(sql, to + gap - 1, escapes);
  }
  return to;
}

/** @param start of the opening quote; a doubled one doesn't close */
function afterQuote(sql: string, start: number, escapes: boolean): number {
  const quote = sql[start];
  for (let at = start + 1; at < sql.length; at++) {
    if (escapes && sql[at] === '\\') at += 1;
    else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return at + 1;
      at += 1;
    }
  }
  return sql.length;
}

function afterNested(sql: string, start: number): number {
  let depth = 0;
  for (let at = start; at < sql.length; at++) {
    const opens = sql.startsWith('/*', at);
    if (!opens && !sql.startsWith('*/', at)) continue;
    depth += opens ? 1 : -1;
    at += 1;
    if (depth === 0) return at + 1;
  }
  return sql.length;
}

function after(sql: string, end: string, from: number): number {
  const at = sql.indexOf(end, from);
  return at < 0 ? sql.length : at + end.length;
}

function lineEnd(sql: string, from: number): number {
  LINE_END.lastIndex = from;
  return LINE_END.exec(sql)?.index ?? sql.length;
}
