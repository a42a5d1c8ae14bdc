import { DatabaseError } from 'pg';
import type { Parameter } from './parameters.js';

/** Object ids: PostgreSQL's src/include/catalog/pg_type.dat. */
const INFERRED = 0;
const TEXT = 25;
const TEXT_ARRAY = 1009;

/** indeterminate_datatype, datatype_mismatch and ambiguous_function: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const INDETERMINATE = '42P18';
const MISMATCH = '42804';
const AMBIGUOUS = '42725';
/** Of the parser: what says that anything could stand there, so that a literal without a type doesn't tell which. */
const POLYMORPHIC = 'enforce_generic_type_consistency';

/**
 * The types of a statement's parameters. That of a text is the database's to infer, so that it can be a uuid, an enum
 * or a date; where nothing says what it is (`concat({{s}}, '%')`, `{{s}} is null`), it becomes a text, as a literal does.
 */
export class ParameterTypes {
  readonly #parameters: readonly Parameter[];
  readonly #oids: number[];

  constructor(parameters: readonly Parameter[]) {
    this.#parameters = parameters;
    this.#oids = parameters.map(() => INFERRED);
  }

  get oids(): readonly number[] {
    return this.#oids;
  }

  get canChange(): boolean {
    return this.#parameters.some((parameter, at) => this.#isOpen(parameter, at));
  }

  /**
   * @param error what the database said of the statement
   * @returns true when it says which parameters are to be texts, and they weren't: it is worth another attempt
   */
  takeHint(error: unknown): boolean {
    if (!(error instanceof DatabaseError)) return false;
    const { code, message, routine } = error;
    if (code === AMBIGUOUS || (code === MISMATCH && routine === POLYMORPHIC))
      return this.#becomeTexts(() => true);
    // In any language: could not determine data type of parameter $1.
    const number = code === INDETERMINATE ? /\$(\d+)/.exec(message)?.[1] : undefined;
    const place = this.#parameters[Number(number) - 1]?.place;
    return place !== undefined && this.#becomeTexts((parameter) => parameter.place === place);
  }

  #becomeTexts(isMeant: (parameter: Parameter) => boolean): boolean {
    let some = false;
    for (const [at, parameter] of this.#parameters.entries()) {
      if (!this.#isOpen(parameter, at) || !isMeant(parameter)) continue;
      this.#oids[at] = parameter.isArray ? TEXT_ARRAY : TEXT;
      some = true;
    }
    return some;
  }

  #isOpen({ type }: Parameter, at: number): boolean {
    return type === 'text' && this.#oids[at] === INFERRED;
  }
}
