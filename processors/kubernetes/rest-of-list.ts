import { numberAt, textAt } from './objects.js';

/** What comes after one page of a list. */
export interface Part {
  /** The token of the next page; empty after the last one. */
  readonly next: string;
  /** How many objects come, as far as the server says it. */
  readonly remaining: number;
}

export function restOf(list: unknown): Part {
  return {
    next: textAt(list, 'metadata', 'continue') ?? '',
    remaining: numberAt(list, 'metadata', 'remainingItemCount'),
  };
}
