import { CellError } from '../processors/processor.js';
import type { Secret } from '../processors/secret.js';
import type { RuntimeEnv } from './config.js';
import type { Catalogue } from './connections/catalogue.js';

/**
 * Makes the function that gives a cell the value of a reference, e.g. of `runtime_env:API_KEY`. A name that a
 * connection takes its credential from is not for cells, unless SPIN_RUNTIME_ENV lists it.
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
    if (catalogue.reserves(reference) && !runtimeEnv.lists(name)) {
      throw new CellError(
        `{{${reference}}} is the credential of a connection: cells use the connection, not its credential.`,
      );
    }
    const value = canonical.startsWith('runtime_env:')
      ? runtimeEnv.get(name)
      : (stores.file(name) ?? runtimeEnv.get(name));
    if (value !== undefined) return value;
    if (canonical.startsWith('runtime_env:')) throw new CellError(runtimeEnv.explain(name));
    throw new CellError(
      `{{${reference}}}: there is no secret of that name. Mount it as a file, or set a variable.`,
    );
  };
}
