import type { Payload } from '../wire/frame.js';

/** Frames in order, all of them parts of one buffer; or one frame of text. */
interface Block {
  readonly memory: ArrayBufferLike | string;
  /** For each frame: where it starts in the memory, its length in bytes, and 1 when it is binary. */
  readonly spans: number[];
  /** Of all its frames. */
  bytes: number;
}

const NUMBERS = 3;

/**
 * The last frames of a stream, oldest first, for who may have to send them again. A socket reads many small frames into
 * one buffer: that is what is kept, not an object for each frame, which would cost a fast stream a third of its speed.
 */
export class SentFrames {
  readonly #most: number;
  #blocks: Block[] = [];
  #last: Block | undefined;
  /** Frames of the first block that are forgotten. */
  #gone = 0;
  #bytes = 0;
  #added = 0;
  #forgotten = 0;
  /** Those that were forgotten for want of room, and not because they are not needed: up to this one of all. */
  #lostTo = 0;
  #lostBytes = 0;
  #heard = 0;

  /** @param most bytes: with more, the oldest are forgotten */
  constructor(most: number) {
    this.#most = most;
  }

  /** How many frames were ever added. */
  get added(): number {
    return this.#added;
  }

  get isEmpty(): boolean {
    return this.#added === this.#forgotten;
  }

  add({ data, binary }: Payload): void {
    const isText = typeof data === 'string';
    const memory = isText ? data : data.buffer;
    let block = this.#last;
    if (block === undefined || isText || block.memory !== memory) {
      block = { memory, spans: [], bytes: 0 };
      this.#blocks.push(block);
      this.#last = block;
    }
    block.spans.push(isText ? 0 : data.byteOffset, data.length, binary ? 1 : 0);
    block.bytes += data.length;
    this.#bytes += data.length;
    this.#added++;
    while (this.#bytes > this.#most && this.#blocks[0] !== this.#last) this.#lose();
  }

  /** What was forgotten for want of room, and is still needed, about. */
  get lost(): { readonly messages: number; readonly bytes: number } {
    return { messages: Math.max(0, this.#lostTo - this.#heard), bytes: this.#lostBytes };
  }

  #lose(): void {
    this.#lostBytes += this.#blocks[0]?.bytes ?? 0;
    this.#forgetBlock();
    this.#lostTo = this.#forgotten;
  }

  /** The first frames of all that were added are not needed any more. @param count of those that were ever added */
  forget(count: number): void {
    this.#heard = Math.max(this.#heard, count);
    if (this.#heard >= this.#lostTo) this.#lostBytes = 0;
    while (this.#forgotten < count) {
      const [block] = this.#blocks;
      if (block === undefined) return;
      const left = block.spans.length / NUMBERS - this.#gone;
      if (this.#forgotten + left > count) {
        this.#gone += count - this.#forgotten;
        this.#forgotten = count;
        return;
      }
      this.#forgetBlock();
    }
  }

  #forgetBlock(): void {
    const block = this.#blocks.shift();
    if (block === undefined) return;
    this.#bytes -= block.bytes;
    this.#forgotten += block.spans.length / NUMBERS - this.#gone;
    this.#gone = 0;
    if (block === this.#last) this.#last = undefined;
  }

  /** @returns the frames, in order; it has none any more */
  take(): Payload[] {
    const taken = this.#blocks.flatMap(framesOf).slice(this.#gone);
    this.forget(this.#added);
    return taken;
  }
}

function framesOf({ memory, spans }: Block): Payload[] {
  const frames: Payload[] = [];
  for (let at = 0; at < spans.length; at += NUMBERS) {
    const [start, length, binary] = spans.slice(at, at + NUMBERS);
    const data = typeof memory === 'string' ? memory : Buffer.from(memory, start, length);
    frames.push({ data, binary: binary === 1 });
  }
  return frames;
}
