import { referenceAt } from '../core/references.js';
import { Scanner } from './scanner.js';

const ARITHMETIC = 'bash evaluates arithmetic as code; assign it to a variable and check that it is a number';
const EXPANSION =
  'a value in the braces of an expansion can’t be kept apart from code; assign it to a variable first';

/** Quotes and expansions: the pieces that words are made of. Source: Bash Reference Manual, 3.1.2 and 3.5. */
export abstract class Words extends Scanner {
  /** Reads commands up to a `)` that belongs to none of them. */
  protected abstract commands(): void;

  /** One piece of an unquoted word. */
  protected unquoted(): void {
    if (this.sees("'")) this.#single("'");
    else if (this.sees('"')) this.#double();
    else if (this.sees('<(') || this.sees('>(')) this.#substitution(2);
    else if (this.sees("$'")) this.#single("$'");
    else if (this.sees('$"')) {
      this.copy();
      this.#double();
    } else this.expandable('"${', '}"');
  }

  /** A character, escape, expansion or reference, where quotes have no meaning of their own. */
  protected expandable(before: string, after: string): void {
    if (this.escapedReference() || this.reference(before, after)) return;
    if (this.here === '\\') this.copy(2);
    else if (this.here === '`') this.#backticks();
    else if (this.here === '$') this.#dollar(before === '${');
    else this.copy();
  }

  /** `((…))`, from its first bracket. */
  protected arithmetic(): void {
    this.copy();
    this.opaque('(', ')', ARITHMETIC);
    if (this.here !== ')') this.unsure('“((”, unless a space comes between,');
    this.copy();
  }

  /** Everything between a pair of brackets, in which no reference may stand. */
  protected opaque(open: string, close: string, why: string, quoted = false): void {
    const reason = () => why;
    this.within(reason, () => {
      let depth = 1;
      this.copy();
      while (this.more && depth > 0) {
        // To bash a brace inside an expansion is text: only its end counts.
        const opens = this.here === open && open !== '{';
        if (opens) depth++;
        if (this.here === close) depth--;
        if (opens || this.here === close) this.copy();
        else if (this.here === "'" && quoted) this.unsure('a single quote in an expansion in double quotes');
        else this.unquoted();
      }
    });
  }

  #dollar(quoted: boolean): void {
    if (referenceAt(this.text, this.at + 1) !== undefined) this.refuse('leave out the $ before {{…}}');
    if (this.sees('$((')) {
      this.copy();
      this.arithmetic();
    } else if (this.sees('$(')) this.#substitution(2);
    else {
      this.copy();
      if (this.here === '[') this.opaque('[', ']', ARITHMETIC);
      else if (this.here === '{') this.opaque('{', '}', EXPANSION, quoted);
    }
  }

  #substitution(opening: number): void {
    this.copy(opening);
    this.commands();
    this.close(')');
  }

  #single(opening: "'" | "$'"): void {
    const name = opening === "'" ? 'single quotes' : "$'…'";
    this.copy(opening.length);
    while (this.more && this.here !== "'") {
      if (this.escapedReference()) continue;
      this.refuseReference(
        `inside ${name} bash expands nothing; use double quotes, or \\{{ for the text itself`,
      );
      this.copy(opening === "$'" && this.here === '\\' ? 2 : 1);
    }
    this.copy();
  }

  #double(): void {
    this.copy();
    while (this.more && this.here !== '"') this.expandable('${', '}');
    this.copy();
  }

  #backticks(): void {
    this.copy();
    while (this.more && this.here !== '`') {
      if (this.escapedReference()) continue;
      this.refuseReference('inside `…` it can’t be kept apart from code; use $( … )');
      this.copy(this.here === '\\' ? 2 : 1);
    }
    this.copy();
  }
}
