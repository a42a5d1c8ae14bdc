import { hash } from 'node:crypto';
import { type Frame, readObject } from '../wire/frame.js';
import { parentId, readHeader } from '../wire/messages.js';
import type { Looks } from './looks.js';

/** A kernel chooses the ids that it quotes and the text beside them. Longer ones are never known (invariant S15). */
const LONGEST_ID = 1024;
const LONGEST_PARENT = 4096;

export interface GateParts<T> {
  readonly looks: Looks;
  pass(said: T): void;
  /** Called when frames begin and cease to wait, so that their sender may pause. */
  onWait(waits: boolean): void;
  onFault(error: unknown): void;
}

/** What a frame waits for: a look about each of these; `undefined` is a look that serves this frame alone. */
type News = readonly (string | undefined)[];
const NONE: News = [];
const ALONE: News = [undefined];

interface Waiting<T> {
  readonly said: T;
  readonly news: News;
}

/**
 * Where replicas share a kernel's values: lets no frame pass that could hold one that isn't known yet.
 *
 * A value is in the shared folder before its cell is sent. So a gateway that looks after the kernel's first word about
 * that cell finds it. On iopub that word is the cell's `busy`, ahead of all that it or a thread of another cell then
 * shows. So one look for each request is enough, whichever client's connection brings it first; frames need none. Other
 * channels may overtake iopub: each of their messages, one or two for each request, is news.
 * Source: jupyter-client.readthedocs.io/en/stable/messaging.html, "Kernel status"; a kernel's iopub is one ordered queue.
 */
export class Gate<T extends { readonly frame: Frame }> {
  readonly #parts: GateParts<T>;
  /** The parent_header of the last frame on iopub, as it came. */
  #parent: Buffer | undefined;
  /** Nothing has come on iopub yet. */
  #isNew = true;
  #waiting: Waiting<T>[] = [];
  #looking: Promise<void> | undefined;
  #closed = false;

  constructor(parts: GateParts<T>) {
    this.#parts = parts;
  }

  /**
   * @returns true when the frame waits, and is passed on later
   * @throws {GatewayError} MALFORMED_FRAME
   */
  keeps(said: T): boolean {
    if (this.#closed) return true;
    const news = this.#newsIn(said.frame);
    if (this.#looking === undefined && news.length === 0) return false;
    this.#waiting.push({ said, news });
    this.#looking ??= this.#look();
    return true;
  }

  /** Resolves when nothing waits any more; undefined when nothing does. */
  get settled(): Promise<void> | undefined {
    return this.#looking;
  }

  /** Drops the frames that wait: no client is left for them. */
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
        const keys = covered.flatMap(({ news }) => news);
        if (keys.length > 0) await this.#parts.looks.about(keys);
        for (const { said } of covered) if (!this.#closed) this.#parts.pass(said);
      }
    } catch (error) {
      this.close();
      this.#parts.onFault(error);
    } finally {
      this.#looking = undefined;
      this.#parts.onWait(false);
    }
  }

  #newsIn(frame: Frame): News {
    if (frame.channel !== 'iopub') return ALONE;
    const bytes = frame.bytes('parent_header');
    // Nearly all that a kernel streams goes on as the frame before: that much isn't parsed.
    if (this.#parent?.equals(bytes) && !frame.bytes('header').includes('status')) return NONE;
    this.#parent = bytes.length > LONGEST_PARENT ? undefined : Buffer.from(bytes);
    const isNew = this.#isNew;
    this.#isNew = false;
    // An id may be used again, and the first word of a cell be lost to a kernel's overflowing queue: each busy is news.
    const [parent, busy] = [parentId(frame), busyIn(frame)];
    if (parent.length > LONGEST_ID || (busy?.length ?? 0) > LONGEST_PARENT) return ALONE;
    const about = `about ${parent}`;
    // Not the text itself: it may be a piece of a long one, which it would keep (invariant S15).
    if (busy !== undefined) return [about, `busy ${hash('sha256', busy)}`];
    // A connection that begins later has not brought the busy of each cell before: what is known may be older than their values.
    if (isNew) return ALONE;
    return this.#parts.looks.isKnown(about) ? NONE : [about];
  }
}

/** @returns the header of a status message that says `busy`: its msg_id and date are of this message alone */
function busyIn(frame: Frame): string | undefined {
  if (readHeader(frame).msg_type !== 'status') return undefined;
  return readObject(frame, 'content').execution_state === 'busy' ? frame.text('header') : undefined;
}
