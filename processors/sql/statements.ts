import { type Dialect, type Region, scan } from './scanner.js';

/** One statement of a cell, without the semicolon behind it. */
export interface Statement {
  readonly regions: readonly Region[];
  /** Its first word in small letters: `select`; empty where it begins with something else. */
  readonly verb: string;
}

const TOKEN = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|[();]/g;
/** Statements whose body holds statements between BEGIN and END. */
const ROUTINE = new Set(['function', 'procedure', 'trigger', 'event']);
/** Blocks of MySQL's routines that END closes with their own name. */
const OWN_END = new Set(['if', 'loop', 'while', 'repeat']);

/**
 * Splits a cell at the semicolons that end statements: not those in quotes, comments, parentheses or the body of a
 * routine that is being created. What is nothing but comments is no statement.
 */
export function split(sql: string, dialect: Dialect, withReferences = true): Statement[] {
  const statements: Statement[] = [];
  let current = new Draft();
  for (const region of scan(sql, dialect, withReferences)) {
    if (region.kind !== 'code') {
      current.add(region);
      continue;
    }
    let { from } = region;
    for (const { 0: token, index } of sql.slice(region.from, region.to).matchAll(TOKEN)) {
      if (token !== ';') current.see(token.toLowerCase());
      else if (current.isOver) {
        current.add({ kind: 'code', from, to: region.from + index });
        statements.push(...current.done(sql));
        current = new Draft();
        from = region.from + index + 1;
      }
    }
    current.add({ kind: 'code', from, to: region.to });
  }
  return [...statements, ...current.done(sql)];
}

class Draft {
  readonly #regions: Region[] = [];
  readonly #words: string[] = [];
  #parentheses = 0;
  #blocks = 0;
  #last = '';

  get isOver(): boolean {
    return this.#parentheses === 0 && this.#blocks === 0;
  }

  add(region: Region): void {
    if (region.to > region.from) this.#regions.push(region);
  }

  see(token: string): void {
    if (token === '(') this.#parentheses += 1;
    else if (token === ')') this.#parentheses = Math.max(0, this.#parentheses - 1);
    else if (this.#words.length < 8) this.#words.push(token);
    if (this.#words[0] === 'create' && this.#words.some((word) => ROUTINE.has(word))) this.#block(token);
    this.#last = token;
  }

  #block(token: string): void {
    if (token === 'begin' || (token === 'case' && this.#blocks > 0 && this.#last !== 'end'))
      this.#blocks += 1;
    else if (token === 'end') this.#blocks = Math.max(0, this.#blocks - 1);
    else if (OWN_END.has(token) && this.#last === 'end') this.#blocks += 1;
  }

  done(sql: string): Statement[] {
    const first = this.#regions.find(
      ({ kind, from, to }) => kind !== 'comment' && (kind !== 'code' || /\S/.test(sql.slice(from, to))),
    );
    if (!first) return [];
    const beginning = first.kind === 'code' ? sql.slice(first.from, first.to) : '';
    const verb = /^[\s(]*([A-Za-z]+)/.exec(beginning)?.[1] ?? '';
    return [{ regions: this.#regions, verb: verb.toLowerCase() }];
  }
}
