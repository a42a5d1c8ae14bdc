import type { Context, Json, Processor } from './processor.js';
import type { Secret } from './secret.js';

/** What the kernel gets in place of a SPIN cell. */
export interface Rewrite {
  /** The processor's name, for the log; empty when it isn't known. */
  readonly processor: string;
  /** The new `content.code`: the text as typed, a readable call, or the raise of an error. */
  readonly code: string;
  /** The new `metadata.spin`: values for this one execution. */
  readonly spin: Json;
  /** Every value in {@link spin}: what has to be replaced in frames from that kernel. */
  readonly delivered: readonly Secret[];
  /** The sentence that `code` raises when the cell is refused: such a cell needs no helper. */
  readonly refused?: string;
}

export class Rewriter {
  constructor(_processors: readonly Processor[], _types: ReadonlySet<string>, _context: Context) {}

  matches(_code: string, _metadata: unknown): boolean {
    return false;
  }

  refuse(sentence: string): Rewrite {
    return { processor: '', code: '', spin: null, delivered: [], refused: sentence };
  }

  async rewrite(code: string, _metadata: unknown): Promise<Rewrite> {
    return { processor: '', code, spin: null, delivered: [] };
  }
}
