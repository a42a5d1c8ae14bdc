/**
 * A body as it comes, which ends with an error once it is larger than that (invariant S15).
 *
 * @param most bytes
 * @throws what `tooLarge` makes, without any of the piece that is too much
 */
export async function* bounded<T extends Uint8Array>(
  body: AsyncIterable<T>,
  most: number,
  tooLarge: () => Error,
): AsyncGenerator<T, void> {
  let left = most;
  for await (const piece of body) {
    left -= piece.length;
    if (left < 0) throw tooLarge();
    yield piece;
  }
}
