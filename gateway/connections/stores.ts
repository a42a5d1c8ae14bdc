import type { Secret } from '../../processors/secret.js';
import { DEFAULT_SECRETS_FOLDER, readSecretFile } from './secrets.js';

/** Where references lead, for connections; what cells may use is decided elsewhere. */
export interface Stores {
  /**
   * @param reference e.g. `runtime_env:NAME`, `secret:NAME`, `secret_var:VAR`
   * @returns undefined when nothing of that name is set
   */
  get(reference: string): Secret | undefined;
  /** What a reference finally names: `secret_var:VAR` becomes the `secret:…` that VAR holds. */
  canonical(reference: string): string;
}

/**
 * @param environment the gateway's own, without its settings
 * @param folder of the `file` store
 */
export function createStores(
  environment: ReadonlyMap<string, Secret>,
  folder: string = DEFAULT_SECRETS_FOLDER,
): Stores {
  const canonical = (reference: string): string => {
    const [store, name = ''] = split(reference);
    return store === 'secret_var' ? `secret:${environment.get(name)?.reveal() ?? ''}` : reference;
  };
  return {
    canonical,
    get(reference) {
      const [store, name = ''] = split(canonical(reference));
      if (store === 'runtime_env') return environment.get(name);
      return readSecretFile(folder, name) ?? environment.get(name);
    },
  };
}

function split(reference: string): readonly string[] {
  const separator = reference.indexOf(':');
  return [reference.slice(0, separator), reference.slice(separator + 1)];
}
