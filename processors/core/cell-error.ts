/** A mistake in a cell that its author can mend: shown as the cell's error; must hold no value. */
export class CellError extends Error {
  override readonly name = 'CellError';
}
