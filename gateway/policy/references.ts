import { CellError } from '../../processors/core/processor.js';
import type { Secret } from '../../processors/core/secret.js';
import type { RuntimeEnv } from '../config.js';
import type { Catalogue } from '../connections/catalogue.js';
import { decide } from './decide.js';
import type { Holder } from './decision.js';

/** Processors don't know yet for which principal a cell runs: every cell may do what any cell may. */
const ANY_CELL: Holder = { rights: 'all' };

/**
 * Makes the function that gives a cell the value of a reference, e.g. of `runtime_env:API_KEY`. A name that
 * policy keeps from cells is refused.
 *
 * It throws a {@link CellError} that says which name isn't available, and why.
 */
export function createResolver(
  runtimeEnv: RuntimeEnv,
  catalogue: Pick<Catalogue, 'reserves' | 'stores'>,
): (reference: string) => Secret {
  return (reference) => {
    const stores = catalogue.stores();
    const canonical = stores.canonical(reference);
    const name = canonical.slice(canonical.indexOf(':') + 1);
    const decision = decide(ANY_CELL, {
      kind: 'value',
      reference,
      reserved: catalogue.reserves(reference),
      listed: runtimeEnv.lists(name),
    });
    if (!decision.allowed) throw new CellError(decision.reason);
    const value = canonical.startsWith('runtime_env:')
      ? runtimeEnv.get(name)
      : (stores.file(name) ?? runtimeEnv.get(name));
    if (value !== undefined) return value;
    if (canonical.startsWith('runtime_env:')) throw new CellError(runtimeEnv.explain(name));
    throw new CellError(
      reference.startsWith('secret_var:')
        ? `{{${reference}}}: the variable has to contain the name of a secret, and there is no secret of that name.`
        : `{{${reference}}}: there is no secret of that name. Mount it as a file, or set a variable.`,
    );
  };
}

/**
 * Makes the function that lists what cells may refer to, e.g. `runtime_env:API_KEY`: what the resolver gives a value
 * for, and nothing else.
 */
export function createReferences(
  resolve: (reference: string) => Secret,
  runtimeEnv: Pick<RuntimeEnv, 'names'>,
  catalogue: Pick<Catalogue, 'stores'>,
): () => readonly string[] {
  const isAvailable = (reference: string): boolean => {
    try {
      resolve(reference);
      return true;
    } catch {
      return false;
    }
  };
  return () => {
    const variables = runtimeEnv.names();
    const secrets = [...new Set([...catalogue.stores().fileNames(), ...variables])];
    return [
      ...variables.map((name) => `runtime_env:${name}`),
      ...secrets.map((name) => `secret:${name}`),
      ...variables.map((name) => `secret_var:${name}`),
    ].filter(isAvailable);
  };
}
