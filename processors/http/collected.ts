/** A piece from this size on is kept as it is, in bytes: a smaller one costs more memory than its bytes. */
const LARGE = 16 * 1024;
const BLOCK = 64 * 1024;

/** Pieces of a body as they come, never in many small ones: a server may send each byte by itself. */
export class Collected {
  readonly #pieces: Buffer[] = [];
  #block = Buffer.alloc(0);
  #used = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** To be taken once, at the end. */
  get pieces(): readonly Buffer[] {
    this.#flush();
    return this.#pieces;
  }

  add(piece: Buffer): void {
    this.#size += piece.length;
    if (piece.length >= LARGE) {
      this.#flush();
      this.#pieces.push(piece);
      return;
    }
    if (this.#used + piece.length > this.#block.length) {
      this.#flush();
      this.#block = Buffer.allocUnsafe(BLOCK);
    }
    piece.copy(this.#block, this.#used);
    this.#used += piece.length;
  }

  /** The free rest of a block is filled next. */
  #flush(): void {
    if (this.#used > 0) this.#pieces.push(this.#block.subarray(0, this.#used));
    this.#block = this.#block.subarray(this.#used);
    this.#used = 0;
  }
}
