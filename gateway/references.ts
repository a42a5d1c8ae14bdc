import { CellError } from '../processors/processor.js';
import type { Secret } from '../processors/secret.js';
import type { RuntimeEnv } from './config.js';

/**
 * Makes the function that gives a cell the value of a reference, e.g. of `runtime_env:API_KEY`.
 * It throws a {@link CellError} that says which name isn't available, and why.
 */
export function createResolver(runtimeEnv: RuntimeEnv): (reference: string) => Secret {
  return (reference) => {
    const separator = reference.indexOf(':');
    const store = reference.slice(0, separator);
    const name = reference.slice(separator + 1);
    if (store !== 'runtime_env') {
      throw new CellError(`{{${reference}}}: this runtime has no secret store. Use {{runtime_env:…}}.`);
    }
    const value = runtimeEnv.get(name);
    if (value === undefined) throw new CellError(runtimeEnv.explain(name));
    return value;
  };
}
