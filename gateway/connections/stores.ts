import type { Secret } from '../../processors/core/secret.js';
import { DEFAULT_SECRETS_FOLDER, readSecretFile, secretFileNames } from './secrets.js';

/** Where references lead, for connections; what cells may use is decided elsewhere. */
export interface Stores {
  /**
   * @param reference e.g. `runtime_env:NAME`, `secret:NAME`, `secret_var:VAR`
   * @returns undefined when nothing of that name is set
   */
  get(reference: string): Secret | undefined;
  /** The `file` store alone. */
  file(name: string): Secret | undefined;
  /** Names in the `file` store. */
  fileNames(): readonly string[];
  /** What a reference finally names: `secret_var:VAR` becomes the `secret:…` that the variable VAR names. */
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
  const nameOf = (reference: string) => reference.slice(reference.indexOf(':') + 1);
  const canonical = (reference: string): string =>
    reference.startsWith('secret_var:')
      ? `secret:${environment.get(nameOf(reference))?.reveal() ?? ''}`
      : reference;
  return {
    canonical,
    file: (name) => readSecretFile(folder, name),
    fileNames: () => secretFileNames(folder),
    get(reference) {
      const name = nameOf(canonical(reference));
      if (reference.startsWith('runtime_env:')) return environment.get(name);
      return readSecretFile(folder, name) ?? environment.get(name);
    },
  };
}
