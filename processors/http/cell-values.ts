import type { Job } from '../core/brokered.js';
import type { Context } from '../core/processor.js';
import { cellReferencesIn, isProvided } from '../core/references.js';
import type { Values } from './template.js';

/** The values that a cell with a connection refers to. */
export interface CellValues {
  /** Those that the kernel gives. */
  readonly variables: readonly string[];
  /** All of them; those of the gateway are taken out of the answer (invariant S10). */
  of(job: Pick<Job<unknown>, 'values' | 'hide'>): Values;
}

/**
 * @param dict name of a kernel variable that the cell needs beside those that its texts refer to
 * @throws {CellError} for a value of the gateway that this cell may not use
 */
export function cellValues(
  texts: readonly string[],
  context: Context,
  { raw, dict }: { readonly raw: boolean; readonly dict: string | undefined },
): CellValues {
  const references = raw ? [] : [...new Set(texts.flatMap(cellReferencesIn))];
  const given = references.filter(isProvided).map((name) => [name, context.resolve(name)] as const);
  return {
    variables: [...references.filter((name) => !isProvided(name)), ...(dict === undefined ? [] : [dict])],
    of({ values, hide }) {
      for (const [, secret] of given) hide(secret);
      const provided = given.map(
        ([name, secret]) => [name, { type: 'text', value: secret.reveal() }] as const,
      );
      return new Map([...values, ...provided]);
    },
  };
}
