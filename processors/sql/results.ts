import type { Page } from '../core/pages.js';

/** Tables and characters of notices that one cell shows: a routine can give any number of them. */
const MOST_RESULTS = 100;
const MOST_NOTICES = 100_000;

/** The results of a cell, each of which says below it whose it is where there are several. */
export class Results {
  count = 0;
  readonly #statements: number;
  /** The statement of the table that came last, and its number among those of that statement. */
  #last: { readonly statement: number; readonly number: number } | undefined;
  #noticed = 0;

  /** @param statements of the whole cell */
  constructor(statements: number) {
    this.#statements = statements;
  }

  /**
   * Passes a statement's pages on.
   * @param statement its number, from 1
   */
  async *of<Done>(pages: AsyncGenerator<Page, Done>, statement: number): AsyncGenerator<Page, Done> {
    let number = 0;
    for (;;) {
      const { done, value } = await pages.next();
      if (done) {
        if (number > 0) yield { kind: 'whole' };
        return value;
      }
      if (value.kind === 'columns') {
        number += 1;
        this.count += 1;
        const instead = this.count > MOST_RESULTS;
        if (this.#last !== undefined && !instead) yield this.#name(Math.max(number, this.#last.number) > 1);
        this.#last = { statement, number };
        yield { ...value, ...(instead && { instead: true as const }) };
      } else if (value.kind === 'notice') yield* this.#notice(value.text);
      else yield value;
    }
  }

  /** What is said below the one that came before a statement that failed. */
  *before(failed: number): Generator<Page> {
    if (this.#last !== undefined && this.#last.statement < failed) yield this.#name(this.#last.number > 1);
  }

  /**
   * What is said below the last one.
   * @param out the variable that gets it
   */
  notes(out: unknown): string[] {
    if (this.count < 2) return [];
    const isOneOf = (this.#last?.number ?? 1) > 1;
    const holds =
      typeof out === 'string' ? [`${out} contains this one, the last of ${this.count} results.`] : [];
    const total = this.count.toLocaleString('en');
    const left =
      this.count > MOST_RESULTS
        ? [`Of ${total} results the first ${MOST_RESULTS - 1} and the last are shown.`]
        : [];
    return [this.#name(isOneOf).text, ...holds, ...left];
  }

  /** @param isOneOf several results of its statement */
  #name(isOneOf: boolean): { readonly kind: 'note'; readonly text: string } {
    const { statement = 1, number = 1 } = this.#last ?? {};
    const result = isOneOf || this.#statements === 1 ? [`result ${number}`] : [];
    const ofCell = this.#statements > 1 ? [`statement ${statement} of ${this.#statements}`] : [];
    const text = [...ofCell, ...result].join(', ');
    return { kind: 'note', text: `${text[0]?.toUpperCase()}${text.slice(1)}.` };
  }

  *#notice(text: string): Generator<Page> {
    const isFull = this.#noticed >= MOST_NOTICES;
    this.#noticed += text.length;
    if (!isFull) yield { kind: 'notice', text };
  }
}
