import type { Source } from '../../proxy/legs.js';

/** Lets several reasons pause one socket: it reads on when none of them holds. */
export class SharedPause {
  readonly #source: Source;
  readonly #holding = new Set<Source>();

  constructor(source: Source) {
    this.#source = source;
  }

  /** One reason's own handle; pausing twice is pausing once. */
  holder(): Source {
    const holder: Source = {
      pause: () => {
        this.#holding.add(holder);
        this.#source.pause();
      },
      resume: () => {
        if (this.#holding.delete(holder) && this.#holding.size === 0) this.#source.resume();
      },
    };
    return holder;
  }
}
