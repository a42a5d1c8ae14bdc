import { type Pieces, textOf } from '../core/apart.js';
import type { Page } from '../core/pages.js';
import { readAnswer } from './answer.js';
import { type Asked, tableOf } from './results.js';

export interface LargeAnswer {
  /** Of HTTP. */
  readonly status: number;
  readonly asked: Asked;
  /** A sentence to show below. */
  readonly note: string;
}

/** A work for `apart`. @throws {CellError} what Prometheus said */
export function* tableOfAnswer(pieces: Pieces, argument: unknown): Generator<Page> {
  const { status, asked, note } = argument as LargeAnswer;
  const { data, remarks } = readAnswer({ status, body: textOf(pieces) }, asked.promql);
  yield* tableOf(data, asked, [note, remarks]);
}
