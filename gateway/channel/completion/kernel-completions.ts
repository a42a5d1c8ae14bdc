import type { OwnRequests } from '../own/own-requests.js';
import { indexOf } from '../wire/code-points.js';
import type { JsonObject } from '../wire/frame.js';
import type { Header } from '../wire/messages.js';

/**
 * How long a kernel has, in milliseconds: its first completion loads a library; one that runs a cell can't answer, unless
 * the cell is just ending.
 */
const PATIENCE_MS = { idle: 2_000, busy: 300 };

/** One match of the kernel's completer: the whole text with it in its place, and what the kernel calls its kind. */
export interface KernelMatch {
  readonly text: string;
  readonly kind: string;
}

/**
 * complete_requests of the gateway's own: what they bring back is for its answers, never for the client. One at a time:
 * behind a cell that runs for long, one waits in the kernel's queue, not one for every keystroke.
 */
export class KernelCompletions {
  readonly #own: OwnRequests;
  #isAsked = false;

  constructor(own: OwnRequests) {
    this.#own = own;
  }

  /**
   * Asks for completions at the end of `code`.
   * @param state whether a cell is known to run
   * @returns none when the kernel doesn't answer in time
   */
  async ask(code: string, from: Header, state: 'idle' | 'busy'): Promise<readonly KernelMatch[]> {
    if (this.#isAsked) return [];
    this.#isAsked = true;
    const content = { code, cursor_pos: [...code].length };
    const reply = this.#own.ask({ type: 'complete_request', from, content });
    const matches = reply.then((answer) => (answer === undefined ? [] : matchesIn(answer, code)));
    // Also when nothing waits for it any more.
    const over = matches.finally(() => {
      this.#isAsked = false;
    });
    return inTime(PATIENCE_MS[state], over);
  }
}

async function inTime(ms: number, matches: Promise<readonly KernelMatch[]>): Promise<readonly KernelMatch[]> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<readonly KernelMatch[]>((resolve) => {
    timer = setTimeout(() => resolve([]), ms);
  });
  return Promise.race([matches, limit]).finally(() => clearTimeout(timer));
}

function matchesIn({ matches, cursor_start, metadata }: JsonObject, code: string): KernelMatch[] {
  if (!Array.isArray(matches)) return [];
  const before = code.slice(0, indexOf(code, typeof cursor_start === 'number' ? cursor_start : 0));
  const typed = (Object(metadata) as Record<string, unknown>)._jupyter_types_experimental;
  const kinds = new Map(
    (Array.isArray(typed) ? typed : []).map((each) => {
      const { text, type } = Object(each) as Record<string, unknown>;
      return [text, typeof type === 'string' ? type : ''];
    }),
  );
  return matches
    .filter((match) => typeof match === 'string')
    .map((match) => ({ text: before + match, kind: kinds.get(match) ?? '' }));
}
