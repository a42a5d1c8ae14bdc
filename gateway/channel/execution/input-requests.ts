/** Questions of one kernel that can be open at once: one of the main shell and one of each subshell. */
const MOST_OPEN = 100;

/**
 * Which questions of the kernel (`input()`) this socket was asked and hasn't answered. A stock kernel takes
 * anybody's input_reply, so only the socket that received the question may answer it (invariant S9).
 */
export class InputRequests {
  /** By msg_id of the execute_request that asks; a cell asks one question at a time. */
  readonly #open = new Set<string>();
  readonly #onNone: () => void;

  /** @param onNone told when the last open question is over */
  constructor(onNone: () => void) {
    this.#onNone = onNone;
  }

  asked(executeRequestId: string): void {
    this.#open.add(executeRequestId);
    const [oldest] = this.#open;
    if (this.#open.size > MOST_OPEN && oldest !== undefined) this.#open.delete(oldest);
  }

  get some(): boolean {
    return this.#open.size > 0;
  }

  /** The cell ended, so its question is void. */
  ended(executeRequestId: string): void {
    if (this.#open.delete(executeRequestId)) this.#over();
  }

  /** The kernel restarted: all questions are void. */
  lost(): void {
    const had = this.some;
    this.#open.clear();
    if (had) this.#over();
  }

  /** @returns whether an answer may pass; it uses the question up */
  answer(): boolean {
    // An input_reply names no request that a kernel would check: it answers the oldest open question.
    const [oldest] = this.#open;
    if (oldest === undefined) return false;
    this.#open.delete(oldest);
    this.#over();
    return true;
  }

  #over(): void {
    if (!this.some) this.#onNone();
  }
}
