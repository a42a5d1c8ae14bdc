/** What became of the cells of a run, by their place among those that were to run, counted from 1. */
export interface Outcome {
  readonly cells: number;
  /** Those that were begun, or left as they are on request. */
  readonly done: number;
  readonly skipped: number;
  readonly failed: readonly number[];
  /** Those of whose output Jupyter has dropped some. */
  readonly lossy: readonly number[];
  /** The cell that ended the run by `exit()`. */
  readonly exitedIn: number | undefined;
  /** The cell that ran when the run was told to stop. */
  readonly stoppedIn: number | undefined;
}

/** False when a cell failed, or when it is not known what it has shown. */
export function isGood({ failed, lossy }: Outcome): boolean {
  return failed.length === 0 && lossy.length === 0;
}

/**
 * In one line, e.g. `failed: cell 4 of 5, 1 not run`.
 * @param stop why it was told to stop; undefined when it wasn't
 */
export function sentenceOf(outcome: Outcome, stop: string | undefined): string {
  const { cells, done, failed, lossy, exitedIn, stoppedIn, skipped } = outcome;
  const said = [];
  if (failed.length > 0) said.push(`failed: ${cellsOf(failed)} of ${cells}`);
  if (lossy.length > 0) said.push(`incomplete: Jupyter dropped output of ${cellsOf(lossy)} of ${cells}`);
  if (stop !== undefined)
    said.push(`stopped by ${stop}${stoppedIn === undefined ? '' : ` in cell ${stoppedIn} of ${cells}`}`);
  if (exitedIn !== undefined) said.push(`ended by exit() in cell ${exitedIn} of ${cells}`);
  if (said.length === 0) said.push(`ok: ${cells === 1 ? '1 cell' : `${cells} cells`}`);
  if (skipped > 0) said.push(`${skipped} skipped`);
  if (cells > done) said.push(`${cells - done} not run`);
  return said.join(', ');
}

function cellsOf(places: readonly number[]): string {
  if (places.length === 1) return `cell ${places[0]}`;
  return `cells ${places.slice(0, -1).join(', ')} and ${places.at(-1)}`;
}
