import type { Output } from './notebook.js';

/**
 * What a run keeps of its outputs, in characters: a cell that never stops printing fills neither the memory nor a
 * notebook that could not be written or read any more (invariant S15). In a file each may become six.
 */
const MOST_KEPT = 64 * 1024 * 1024;

/** What all cells of a run show together. */
export class Kept {
  /** The outputs that a display_id names: an update may come from any later cell. */
  readonly displays = new Map<string, Output[]>();
  readonly #most: number;
  readonly #sizes = new Map<Output, number>();
  #total = 0;

  constructor(most = MOST_KEPT) {
    this.#most = most;
  }

  /** @returns false when there is no room: then it is not to be kept */
  add(output: Output, characters: number): boolean {
    if (this.#total + characters > this.#most) return false;
    this.#total += characters;
    this.#sizes.set(output, (this.#sizes.get(output) ?? 0) + characters);
    return true;
  }

  /** These are shown no more. */
  drop(outputs: readonly Output[]): void {
    for (const output of outputs) {
      this.#total -= this.#sizes.get(output) ?? 0;
      this.#sizes.delete(output);
    }
  }
}
