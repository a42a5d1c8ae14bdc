import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';

/** Why no reference may stand somewhere; asked only where one stands, as telling takes time. */
export type Reason = () => string | undefined;

/** Substitutions within each other: each takes some calls. */
const DEEPEST = 200;

/** Walks through a script once, copying it and putting the expansion of a variable where a reference stands. */
export abstract class Scanner {
  #depth = 0;
  protected at = 0;
  protected out = '';
  protected references = 0;
  /** Why no reference may stand here, at any depth. */
  #forbidden: Reason;
  readonly #firstLine: number;

  /**
   * @param variable gives the bash variable of a reference
   * @param firstLine the line of the cell that the text starts on
   */
  constructor(
    protected readonly text: string,
    private readonly variable: (reference: string) => string,
    firstLine = 1,
    forbidden: Reason = () => undefined,
  ) {
    this.#firstLine = firstLine;
    this.#forbidden = forbidden;
  }

  protected get here(): string {
    return this.text.charAt(this.at);
  }

  protected get more(): boolean {
    return this.at < this.text.length;
  }

  protected sees(text: string): boolean {
    return this.text.startsWith(text, this.at);
  }

  protected copy(length = 1): void {
    this.out += this.text.slice(this.at, this.at + length);
    this.at += length;
  }

  /** Copies the character that closes something, if it is there: what isn't closed is bash's to complain about. */
  protected close(end: string): void {
    if (this.here === end) this.copy();
  }

  protected comment(): void {
    const end = this.text.indexOf('\n', this.at);
    this.copy((end < 0 ? this.text.length : end) - this.at);
  }

  /** @returns whether a reference stood here; its expansion stands between `before` and `after` */
  protected reference(before: string, after: string): boolean {
    const reference = referenceAt(this.text, this.at);
    if (reference === undefined) return false;
    const why = this.#forbidden();
    if (why !== undefined) this.refuse(why);
    this.out += before + this.bind(reference) + after;
    this.at += reference.length + 4;
    return true;
  }

  protected readonly bind = (reference: string): string => {
    this.references++;
    return this.variable(reference);
  };

  /** `\{{` is the text `{{`. */
  protected escapedReference(): boolean {
    if (!this.sees('\\{{')) return false;
    this.out += '{{';
    this.at += 3;
    return true;
  }

  protected refuseReference(why: string): void {
    if (referenceAt(this.text, this.at) !== undefined) this.refuse(why);
  }

  /** Reads something in which no reference may stand if there is a reason why. */
  protected within(why: Reason, read: () => void): void {
    if (++this.#depth > DEEPEST) this.unsure('nesting as deep as this');
    const before = this.#forbidden;
    this.#forbidden = () => before() ?? why();
    read();
    this.#forbidden = before;
    this.#depth -= 1;
  }

  /** @returns what reading adds to the output; a slice of all of it would copy it each time */
  protected adds(read: () => void): string {
    const before = this.out;
    this.out = '';
    read();
    const added = this.out;
    this.out = before + added;
    return added;
  }

  protected get forbidden(): Reason {
    return this.#forbidden;
  }

  protected line(): number {
    return this.#firstLine + this.text.slice(0, this.at).split('\n').length - 1;
  }

  protected refuse(why: string): never {
    const reference = referenceAt(this.text, this.at);
    const what = reference === undefined ? 'no reference can stand here: ' : `{{${reference}}}: `;
    throw new CellError(`Line ${this.line()}: ${what}${why}.`);
  }

  protected unsure(what: string): never {
    throw new CellError(
      `Line ${this.line()}: ${what} can’t be followed in a script that holds references. ` +
        'Write it in another way, or in a cell of its own.',
    );
  }
}
