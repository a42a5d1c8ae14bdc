import type { Redacted, RedactorState } from '../hidden/redact.js';
import type { Frame, Payload } from '../wire/frame.js';

/** So much of a kernel's output is kept for the other clients' connections, which bring the same. One may be larger. */
const MOST_ENTRIES = 512;
const MOST_BYTES = 1024 * 1024;

/** The redactor's result for a frame, and the conditions under which the same frame gives the same result. */
export interface Step {
  readonly before: RedactorState;
  /** How many values the kernel had been given. */
  readonly values: number;
  readonly after: RedactorState;
  readonly redacted: Redacted;
}

/** One message of a kernel on iopub, as it came and as clients get it. */
export interface Entry {
  readonly frame: Frame;
  readonly payload: Payload & { readonly data: Buffer };
  step: Step | undefined;
}

/** The last messages of a kernel, numbered from 0 in the order in which the first connection brought each. In memory only. */
export class Journal {
  readonly #entries: Entry[] = [];
  /** Number of the oldest that is kept. */
  #first = 0;
  #bytes = 0;

  /** The number that the next one gets. */
  get next(): number {
    return this.#first + this.#entries.length;
  }

  append(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entry.payload.data.length;
    while (this.#entries.length > 1 && (this.#entries.length > MOST_ENTRIES || this.#bytes > MOST_BYTES)) {
      this.#bytes -= this.#entries.shift()?.payload.data.length ?? 0;
      this.#first++;
    }
  }

  at(number: number): Entry | undefined {
    return this.#entries[number - this.#first];
  }

  /** @returns the number of the message with these bytes; undefined when it isn't kept */
  find(data: Buffer, binary: boolean): number | undefined {
    const index = this.#entries.findIndex(({ payload }) => isSame(payload, data, binary));
    return index === -1 ? undefined : this.#first + index;
  }

  clear(): void {
    this.#first = this.next;
    this.#entries.length = 0;
    this.#bytes = 0;
  }
}

export function isSame(payload: Entry['payload'], data: Buffer, binary: boolean): boolean {
  return payload.binary === binary && payload.data.equals(data);
}
