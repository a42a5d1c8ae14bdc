import type { Page } from '../core/pages.js';

/** The most that are shown for one statement: a loop can raise millions. */
const MOST = 50;
const LONGEST = 4_000;

/** A database's messages beside a statement's result: notices, warnings. */
export class Notices {
  readonly #lines: string[] = [];
  #count = 0;

  add(line: string): void {
    this.#count += 1;
    if (this.#count <= MOST) this.#lines.push(line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line);
  }

  /** Some that are not shown. */
  skip(count: number): void {
    this.#count += count;
  }

  /** All of them, where there are any. */
  *pages(): Generator<Page> {
    if (this.#count === 0) return;
    const more = this.#count - this.#lines.length;
    const rest = more > 0 ? [`… and ${more.toLocaleString('en')} more`] : [];
    yield { kind: 'notice', text: [...this.#lines, ...rest].join('\n') };
  }
}
