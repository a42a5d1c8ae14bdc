import { printExact } from './exact-json.js';
import type { Cell, Output } from './notebook.js';
import { overwritten } from './overwritten.js';

type Content = Readonly<Record<string, unknown>>;

const MIB = 1024 * 1024;
/** What the outputs of a cell, and those of a notebook, may take in its file, in bytes: a larger file isn't read again. */
const MOST_OF_CELL = 16 * MIB;
const MOST_OF_NOTEBOOK = 100 * MIB;
/** An error says why a run failed: so much of the last one is kept whatever else there is, in characters. */
const MOST_OF_ERROR = 100_000;

/** What the outputs of all cells have in common. */
export class Shown {
  /** The outputs that a display_id names: an update may come from any later cell. */
  readonly displays = new Map<string, Output[]>();
  /** What each of those takes, in bytes. */
  readonly sizes = new WeakMap<Output, number>();
  /** What the outputs of cells that have ended take, in bytes. */
  spent = 0;
}

/**
 * The outputs of one cell, as Jupyter keeps them: streams merged, displays updated by their id, `clear_output` obeyed.
 * Source: https://jupyter-client.readthedocs.io/en/latest/messaging.html#messages-on-the-iopub-pub-sub-channel
 *
 * What is too much is not kept, and a line says so where it was cut.
 */
export class CellOutputs {
  readonly #cell: Cell;
  readonly #shown: Shown;
  readonly #displays = new Set<Output>();
  #clearBeforeNext = false;
  /** Estimated from above, in bytes. */
  #used = 0;
  #isCut = false;

  constructor(cell: Cell, shown: Shown) {
    this.#cell = cell;
    this.#shown = shown;
    this.#clear();
  }

  /**
   * @param type msg_type of an iopub message of this cell
   * @param size the message's, in bytes
   * @returns what it shows, for a reader who reads along
   */
  add(type: string, content: Content, size: number): readonly Output[] {
    switch (type) {
      case 'clear_output':
        if (content.wait === true) this.#clearBeforeNext = true;
        else this.#clear();
        return [];
      case 'stream':
        return this.#stream({ output_type: type, name: content.name, text: asText(content.text) }, size);
      case 'display_data': {
        const { data = {}, metadata = {} } = content;
        return this.#display({ output_type: type, data, metadata }, content, size);
      }
      case 'execute_result': {
        const { execution_count, data = {}, metadata = {} } = content;
        return this.#display({ output_type: type, execution_count, data, metadata }, content, size);
      }
      case 'update_display_data':
        return this.#update(content, size);
      case 'error':
        return this.#fail(errorOf(content), size);
      default:
        return [];
    }
  }

  /** The cell has ended: what its streams wrote over stays gone, as on a terminal. */
  finish(): void {
    this.#measure();
    this.#shown.spent += this.#used;
  }

  #stream(output: Output, size: number): readonly Output[] {
    this.#clearIfAsked();
    if (this.#isCut) return [];
    if (this.#hasRoomFor(size)) return [this.#append(output)];
    const begun = asText(output.text).slice(0, Math.max(0, this.#most - this.#used));
    return [...(begun === '' ? [] : [this.#append({ ...output, text: begun })]), this.#cut()];
  }

  #append(output: Output): Output {
    const last = this.#cell.outputs?.at(-1);
    if (last?.output_type === 'stream' && last.name === output.name) last.text += asText(output.text);
    else this.#cell.outputs?.push({ ...output });
    return output;
  }

  #display(output: Output, { transient }: Content, size: number): readonly Output[] {
    this.#clearIfAsked();
    if (this.#isCut) return [];
    if (!this.#hasRoomFor(size)) return [this.#cut()];
    const id = displayId(transient);
    const { displays, sizes } = this.#shown;
    const same = id === undefined ? undefined : displays.get(id);
    if (same) same.push(output);
    else if (id !== undefined) displays.set(id, [output]);
    sizes.set(output, size);
    this.#displays.add(output);
    this.#cell.outputs?.push(output);
    return [output];
  }

  #update({ data = {}, metadata = {}, transient }: Content, size: number): readonly Output[] {
    const shown = this.#shown.displays.get(displayId(transient) ?? '') ?? [];
    if (this.#isCut) return [];
    const { sizes } = this.#shown;
    const own = shown.filter((output) => this.#displays.has(output));
    const growth = shown
      .filter((output) => !this.#displays.has(output))
      .reduce((sum, output) => sum + size - (sizes.get(output) ?? 0), 0);
    // The file contains the data once for each of them.
    if (growth > MOST_OF_NOTEBOOK - this.#shown.spent - this.#used || !this.#hasRoomFor(size * own.length))
      return [this.#cut()];
    this.#shown.spent += growth;
    for (const output of shown) {
      Object.assign(output, { data, metadata });
      sizes.set(output, size);
    }
    return shown.slice(0, 1);
  }

  #fail(error: Output, size: number): readonly Output[] {
    this.#clearIfAsked();
    const cut = this.#isCut || this.#hasRoomFor(size) ? [] : [this.#cut()];
    if (this.#isCut && this.#cell.outputs?.at(-1)?.output_type === 'error') this.#cell.outputs.pop();
    this.#cell.outputs?.push(error);
    return [...cut, error];
  }

  #clearIfAsked(): void {
    if (this.#clearBeforeNext) this.#clear();
  }

  #clear(): void {
    this.#cell.outputs = [];
    this.#displays.clear();
    this.#clearBeforeNext = false;
    this.#used = 0;
    this.#isCut = false;
  }

  get #most(): number {
    return Math.min(MOST_OF_CELL, Math.max(0, MOST_OF_NOTEBOOK - this.#shown.spent));
  }

  /** Counts it in, when there is. */
  #hasRoomFor(size: number): boolean {
    if (this.#used + size > this.#most) {
      this.#measure();
      // Measured with each message, a nearly full cell would take hours.
      if (this.#used > this.#most / 2 || this.#used + size > this.#most) return false;
    }
    this.#used += size;
    return true;
  }

  /** A progress bar's text, and a display that is updated over and over, take less than what has come. */
  #measure(): void {
    for (const output of this.#cell.outputs ?? []) {
      if (output.output_type === 'stream') output.text = overwritten(asText(output.text));
    }
    this.#used = Buffer.byteLength(printExact(this.#cell.outputs));
  }

  #cut(): Output {
    this.#isCut = true;
    const [whose, most] =
      this.#most === MOST_OF_CELL
        ? ['this cell takes', MOST_OF_CELL]
        : ['the notebook takes', MOST_OF_NOTEBOOK];
    const text = `\n[Cut here: the output of ${whose} more than ${most / MIB} MiB. The cell keeps running; further output is not saved.]\n`;
    const notice = { output_type: 'stream', name: 'stderr', text };
    this.#cell.outputs?.push(notice);
    return notice;
  }
}

function errorOf({ ename, evalue, traceback }: Content): Output {
  const lines = Array.isArray(traceback) ? traceback.map(asText) : [];
  return {
    output_type: 'error',
    ename: shortened(asText(ename)),
    evalue: shortened(asText(evalue)),
    traceback: lines.join('').length > MOST_OF_ERROR ? [shortened(lines.join('\n'))] : lines,
  };
}

function shortened(text: string): string {
  return text.length > MOST_OF_ERROR ? `${text.slice(0, MOST_OF_ERROR)}… [cut here]` : text;
}

/** What a user at a terminal reads of an output; colours are kept. */
export function textOf(output: Output): string {
  if (output.output_type === 'stream') return asText(output.text);
  if (output.output_type === 'error') return withNewline([output.traceback].flat().map(asText).join('\n'));
  const data = (output.data ?? {}) as Content;
  const text = data['text/plain'] ?? data['text/markdown'];
  return text === undefined ? '' : withNewline(asText(text));
}

/** A kernel may put anything where its protocol has text. */
function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined ? '' : printExact(value);
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function displayId(transient: unknown): string | undefined {
  const { display_id: id } = (transient ?? {}) as Content;
  return typeof id === 'string' ? id : undefined;
}
