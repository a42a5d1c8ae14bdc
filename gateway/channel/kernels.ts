import { Delivered } from './delivered.js';

/** What the gateway knows of one kernel, shared by all of its clients' channels. */
export interface Kernel {
  readonly id: string;
  readonly delivered: Delivered;
  /** The language of its kernelspec, lower case; asked for once. */
  language(): Promise<string>;
  /** @returns a function that ends the subscription */
  onRestart(listener: () => void): () => void;
}

/** `/api/kernels/{id}` and `/api/kernels/{id}/restart`, below the base path. */
const KERNEL_PATH = /^\/api\/kernels\/([^/]+)(\/restart)?$/;

interface Entry {
  readonly kernel: Kernel;
  readonly restartListeners: Set<() => void>;
}

/** The kernels that clients have connected to since the gateway started. */
export class Kernels {
  readonly #entries = new Map<string, Entry>();
  readonly #askLanguage: (kernelId: string) => Promise<string>;

  constructor(askLanguage: (kernelId: string) => Promise<string>) {
    this.#askLanguage = askLanguage;
  }

  get(id: string): Kernel {
    const known = this.#entries.get(id);
    if (known) return known.kernel;
    const restartListeners = new Set<() => void>();
    const kernel = this.#newKernel(id, restartListeners);
    this.#entries.set(id, { kernel, restartListeners });
    return kernel;
  }

  /**
   * Jupyter answered a request about a kernel. A restart loses what was queued in the kernel without a word
   * on the websocket; a shutdown ends it, and what it was given went with it.
   *
   * @param path below the base path
   */
  answered(method: string | undefined, path: string, status: number): void {
    const [, id, restart] = KERNEL_PATH.exec(path) ?? [];
    if (id === undefined || status < 200 || status > 299) return;
    if (method === 'POST' && restart)
      for (const listener of this.#entries.get(id)?.restartListeners ?? []) listener();
    if (method === 'DELETE' && !restart) this.#entries.delete(id);
  }

  #newKernel(id: string, restartListeners: Set<() => void>): Kernel {
    let language: Promise<string> | undefined;
    return {
      id,
      delivered: new Delivered(),
      language: () => {
        language ??= this.#askLanguage(id).catch((error: unknown) => {
          language = undefined;
          throw error;
        });
        return language;
      },
      onRestart(listener) {
        restartListeners.add(listener);
        return () => restartListeners.delete(listener);
      },
    };
  }
}
