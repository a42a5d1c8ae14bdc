import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';

/** Why a reference is not allowed at a place. Called only where there is a reference, as it takes time. */
export type Reason = () => string | undefined;

/** A here-document whose body is still to come. */
export interface Heredoc {
  readonly delimiter: string;
  /** A quoted delimiter: bash expands nothing in the body. */
  readonly literal: boolean;
  /** `<<-`: leading tabs don't count. */
  readonly tabs: boolean;
  /** Why no reference may stand in the body. */
  readonly forbidden: string | undefined;
}

/** What a cursor needs to know of the cell beside its text. */
export interface Surroundings {
  /** Gives the bash variable of a reference. */
  readonly variable: (reference: string) => string;
  /** Reads commands up to a `)` that belongs to none of them. Here, as words hold commands: `$( … )`. */
  readonly commands: (cursor: Cursor) => void;
  /** Why no reference may stand anywhere in the text. */
  readonly forbidden: Reason;
  /** The line of the cell that the text starts on. */
  readonly firstLine: number;
}

/** Substitutions within each other: each takes some calls. */
const DEEPEST = 200;

/** Walks through a script once, copies it, and replaces each reference with the expansion of a variable. */
export class Cursor {
  readonly text: string;
  at = 0;
  out = '';
  /** References that were put in so far. */
  references = 0;
  /** Here-documents whose bodies follow the line that is being read. */
  readonly heredocs: Heredoc[] = [];
  readonly #surroundings: Surroundings;
  /** Why no reference may stand here, at any depth. */
  #forbidden: Reason;
  #depth = 0;

  constructor(text: string, surroundings: Surroundings) {
    this.text = text;
    this.#surroundings = surroundings;
    this.#forbidden = surroundings.forbidden;
  }

  get here(): string {
    return this.text.charAt(this.at);
  }

  get more(): boolean {
    return this.at < this.text.length;
  }

  sees(text: string): boolean {
    return this.text.startsWith(text, this.at);
  }

  copy(length = 1): void {
    this.out += this.text.slice(this.at, this.at + length);
    this.at += length;
  }

  /** Copies the character that closes something, if it is there: what isn't closed is bash's to complain about. */
  close(end: string): void {
    if (this.here === end) this.copy();
  }

  comment(): void {
    const end = this.text.indexOf('\n', this.at);
    this.copy((end < 0 ? this.text.length : end) - this.at);
  }

  /** Reads the commands of a substitution. */
  commands(): void {
    this.#surroundings.commands(this);
  }

  /** @returns whether a reference was here; its expansion is now between `before` and `after` */
  reference(before: string, after: string): boolean {
    const reference = referenceAt(this.text, this.at);
    if (reference === undefined) return false;
    const why = this.#forbidden();
    if (why !== undefined) this.refuse(why);
    this.out += before + this.#bind(reference) + after;
    this.at += reference.length + 4;
    return true;
  }

  readonly #bind = (reference: string): string => {
    this.references++;
    return this.#surroundings.variable(reference);
  };

  /** `\{{` is the text `{{`. */
  escapedReference(): boolean {
    if (!this.sees('\\{{')) return false;
    this.out += '{{';
    this.at += 3;
    return true;
  }

  refuseReference(why: string): void {
    if (referenceAt(this.text, this.at) !== undefined) this.refuse(why);
  }

  /** Reads something in which no reference may stand if there is a reason why. */
  within(why: Reason, read: () => void): void {
    if (++this.#depth > DEEPEST) this.unsure('nesting as deep as this');
    const before = this.#forbidden;
    this.#forbidden = () => before() ?? why();
    read();
    this.#forbidden = before;
    this.#depth -= 1;
  }

  /** @returns what reading adds to the output; a slice of all of it would copy it each time */
  adds(read: () => void): string {
    const before = this.out;
    this.out = '';
    read();
    const added = this.out;
    this.out = before + added;
    return added;
  }

  /** Reads the text up to an offset apart, as bash does with a body whose end it has found. */
  apart(end: number, read: (cursor: Cursor) => void): void {
    const cursor = new Cursor(this.text.slice(this.at, end), {
      ...this.#surroundings,
      variable: this.#bind,
      forbidden: this.#forbidden,
      firstLine: this.#line(),
    });
    read(cursor);
    this.out += cursor.out;
    this.at = end;
  }

  #line(): number {
    return this.#surroundings.firstLine + this.text.slice(0, this.at).split('\n').length - 1;
  }

  refuse(why: string): never {
    const reference = referenceAt(this.text, this.at);
    const what = reference === undefined ? 'no reference can be used here: ' : `{{${reference}}}: `;
    throw new CellError(`Line ${this.#line()}: ${what}${why}.`);
  }

  unsure(what: string): never {
    throw new CellError(
      `Line ${this.#line()}: ${what} can’t be followed in a script that contains references. ` +
        'Write it differently, or move it to another cell.',
    );
  }
}
