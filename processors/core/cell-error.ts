/** A mistake in a cell that its author can correct. It is shown as the cell's error, and must contain no value. */
export class CellError extends Error {
  override readonly name = 'CellError';
}
