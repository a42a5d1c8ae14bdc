import type { WriteStream } from 'node:tty';
import { forPeople } from './people-log.js';
import { printable } from './printable.js';

/** Lines for the user who started a program. */
export interface Screen {
  /** How far something is that takes long. */
  progress(line: string): void;
  /** The log's; undefined: JSON lines, for programs. */
  readonly log: ((line: string) => void) | undefined;
  /** Ends the progress, and gives the warnings that were kept for now; from here on each is a line. */
  settle(): readonly string[];
}

type Terminal = Pick<WriteStream, 'write' | 'columns'>;

/** Moves to the line's beginning and clears it (ECMA-48 EL). */
const CLEAR = '\r\x1b[K';
const USUAL_COLUMNS = 80;

/** Source: NO_COLOR (no-color.org), TERM=dumb (terminfo). */
export function isColoured({ NO_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  return TERM !== 'dumb' && (NO_COLOR ?? '') === '';
}

/**
 * Writes to stderr: at a terminal one line of progress that is written over, and the log for people; anywhere else
 * whole lines.
 */
export function createScreen(
  stderr: Terminal & { readonly isTTY?: boolean },
  environment: NodeJS.ProcessEnv,
): Screen {
  if (stderr.isTTY !== true)
    return {
      progress: (line) => void stderr.write(`${printable(line)}\n`),
      log: undefined,
      settle: () => [],
    };
  return new TerminalScreen(stderr, environment);
}

class TerminalScreen implements Screen {
  readonly #terminal: Terminal;
  readonly #coloured: boolean;
  readonly #moves: boolean;
  #shown = '';
  /** Warnings of the start, which its end would push out of sight; undefined once it is over. */
  #kept: string[] | undefined = [];

  constructor(terminal: Terminal, environment: NodeJS.ProcessEnv) {
    this.#terminal = terminal;
    this.#moves = environment.TERM !== 'dumb';
    this.#coloured = isColoured(environment);
  }

  readonly progress = (line: string): void => {
    const text = printable(line);
    const room = this.#columns - 1;
    this.#draw(text.length > room ? `${text.slice(0, room - 1)}…` : text);
  };

  readonly log = (line: string): void => {
    const record = JSON.parse(line) as Record<string, unknown>;
    if (record.level === 'warn' && this.#kept) {
      this.#kept.push(printable(String(record.msg)));
      return;
    }
    const shown = this.#shown;
    this.#draw('');
    this.#terminal.write(`${forPeople(record, { coloured: this.#coloured, columns: this.#columns })}\n`);
    this.#draw(shown);
  };

  settle(): readonly string[] {
    this.#draw('');
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    return kept;
  }

  get #columns(): number {
    return this.#terminal.columns || USUAL_COLUMNS;
  }

  #draw(text: string): void {
    if (text === this.#shown) return;
    if (this.#moves) this.#terminal.write(`${this.#shown === '' ? '' : CLEAR}${text}`);
    else if (text !== '') this.#terminal.write(`${text}\n`);
    this.#shown = text;
  }
}
