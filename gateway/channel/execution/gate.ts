import type { Frame, Payload } from '../wire/frame.js';
import { readObject } from '../wire/frame.js';
import { parentId, readHeader } from '../wire/messages.js';

/** So many requests are known again; the oldest is forgotten, and looked for once more. */
const MOST_KNOWN = 1000;

/** A kernel chooses the ids that it quotes, and what stands beside them; longer ones are never known. */
const LONGEST_ID = 1024;
const LONGEST_PARENT = 4096;

interface Waiting {
  readonly frame: Frame;
  readonly payload: Payload;
  readonly isNews: boolean;
}

export interface GateParts {
  /** Learns what the kernel was given, at whichever replica, before the call. */
  learn(): Promise<void>;
  pass(frame: Frame, payload: Payload): void;
  /** Told when frames begin and cease to wait: whoever brings them may pause. */
  onWait(waits: boolean): void;
  onFault(error: unknown): void;
}

/**
 * Where replicas share a kernel's values: lets no frame pass that could hold one that isn't known yet.
 *
 * A value is in the shared folder before its cell is sent, so whoever looks after the kernel's first word about that cell
 * finds it. On iopub that word is the cell's `busy`, ahead of whatever it or a thread of another cell then shows: one
 * look for each request is enough, none for each frame. Other channels may overtake iopub: each of their messages,
 * one or two for each request, is news.
 * Source: jupyter-client.readthedocs.io/en/stable/messaging.html, "Kernel status"; a kernel's iopub is one ordered queue.
 */
export class Gate {
  readonly #parts: GateParts;
  /** The requests whose first word on iopub has come. */
  readonly #known = new Set<string>();
  /** The parent_header of the last frame on iopub, as it came. */
  #parent: Buffer | undefined;
  #waiting: Waiting[] = [];
  #looking: Promise<void> | undefined;
  #closed = false;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /**
   * @returns true when the frame waits, and is passed on later
   * @throws {GatewayError} MALFORMED_FRAME
   */
  keeps(frame: Frame, payload: Payload): boolean {
    if (this.#closed) return true;
    const isNews = this.#isNews(frame);
    if (this.#looking === undefined && !isNews) return false;
    this.#waiting.push({ frame, payload, isNews });
    this.#looking ??= this.#look();
    return true;
  }

  /** Resolves when nothing waits any more; undefined when nothing does. */
  get settled(): Promise<void> | undefined {
    return this.#looking;
  }

  /** What waits is nobody's any more. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
  }

  async #look(): Promise<void> {
    this.#parts.onWait(true);
    try {
      while (this.#waiting.length > 0) {
        // A look is about all that has come before it.
        const covered = this.#waiting.splice(0);
        if (covered.some(({ isNews }) => isNews)) await this.#parts.learn();
        for (const { frame, payload } of covered) if (!this.#closed) this.#parts.pass(frame, payload);
      }
    } catch (error) {
      this.close();
      this.#parts.onFault(error);
    } finally {
      this.#looking = undefined;
      this.#parts.onWait(false);
    }
  }

  #isNews(frame: Frame): boolean {
    if (frame.channel !== 'iopub') return true;
    const bytes = frame.bytes('parent_header');
    // Nearly all that a kernel streams goes on as the frame before: that much isn't parsed.
    if (this.#parent?.equals(bytes) && !frame.bytes('header').includes('status')) return false;
    this.#parent = bytes.length > LONGEST_PARENT ? undefined : Buffer.from(bytes);
    const parent = parentId(frame);
    const isFirst = !this.#known.has(parent);
    if (isFirst) this.#remember(parent);
    // An id may be used again, and the first word of a cell be lost to a kernel's overflowing queue.
    return isFirst || isBusy(frame);
  }

  #remember(parent: string): void {
    if (parent.length > LONGEST_ID) return;
    this.#known.add(parent);
    const [oldest] = this.#known;
    if (oldest !== undefined && this.#known.size > MOST_KNOWN) this.#known.delete(oldest);
  }
}

function isBusy(frame: Frame): boolean {
  if (readHeader(frame).msg_type !== 'status') return false;
  return readObject(frame, 'content').execution_state === 'busy';
}
