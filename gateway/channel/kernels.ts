import { Delivered } from './delivered.js';

/** What the gateway knows of one kernel, shared by all of its clients' channels. */
export interface Kernel {
  readonly id: string;
  readonly delivered: Delivered;
  /** The language of its kernelspec, lower case; asked for once. */
  language(): Promise<string>;
}

/** The kernels that clients have connected to since the gateway started. */
export class Kernels {
  readonly #kernels = new Map<string, Kernel>();
  readonly #askLanguage: (kernelId: string) => Promise<string>;

  constructor(askLanguage: (kernelId: string) => Promise<string>) {
    this.#askLanguage = askLanguage;
  }

  get(id: string): Kernel {
    const known = this.#kernels.get(id);
    if (known) return known;
    const kernel = this.#newKernel(id);
    this.#kernels.set(id, kernel);
    return kernel;
  }

  /** The kernel was shut down: what it was given went with it. */
  forget(id: string): void {
    this.#kernels.delete(id);
  }

  #newKernel(id: string): Kernel {
    let language: Promise<string> | undefined;
    const ask = this.#askLanguage;
    return {
      id,
      delivered: new Delivered(),
      language() {
        language ??= ask(id).catch((error: unknown) => {
          language = undefined;
          throw error;
        });
        return language;
      },
    };
  }
}
