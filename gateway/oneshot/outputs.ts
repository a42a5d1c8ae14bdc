import type { Kept } from './kept.js';
import type { Cell, Output } from './notebook.js';

type Content = Readonly<Record<string, unknown>>;

/** What stands in a notebook where a run keeps no more. */
const FULL: Output = {
  output_type: 'stream',
  name: 'stderr',
  text: 'The run has shown more than it keeps: what comes from here on is not kept.\n',
};

/**
 * The outputs of one cell, as Jupyter keeps them: streams merged, displays updated by their id, `clear_output` obeyed.
 * Source: https://jupyter-client.readthedocs.io/en/latest/messaging.html#messages-on-the-iopub-pub-sub-channel
 */
export class CellOutputs {
  readonly #cell: Cell;
  readonly #kept: Kept;
  #clearBeforeNext = false;
  #isFull = false;

  constructor(cell: Cell, kept: Kept) {
    this.#cell = cell;
    this.#kept = kept;
    cell.outputs = [];
  }

  /**
   * @param type msg_type of an iopub message of this cell
   * @returns what it shows, for a reader who reads along; undefined when it shows nothing
   */
  add(type: string, content: Content): Output | undefined {
    switch (type) {
      case 'stream': {
        const output = { output_type: type, name: content.name, text: asText(content.text) };
        this.#stream(output);
        return output;
      }
      case 'display_data': {
        const { data = {}, metadata = {} } = content;
        return this.#display({ output_type: type, data, metadata }, content);
      }
      case 'execute_result': {
        const { execution_count, data = {}, metadata = {} } = content;
        return this.#display({ output_type: type, execution_count, data, metadata }, content);
      }
      case 'update_display_data':
        return this.#update(content);
      case 'error': {
        const { ename, evalue, traceback = [] } = content;
        const output = { output_type: type, ename, evalue, traceback };
        this.#push(output);
        return output;
      }
      case 'clear_output':
        if (content.wait === true) this.#clearBeforeNext = true;
        else this.#clear();
        return undefined;
      default:
        return undefined;
    }
  }

  /** The cell has ended: what its streams wrote over stays gone, as on a terminal. */
  finish(): void {
    for (const output of this.#cell.outputs ?? []) {
      if (output.output_type === 'stream') output.text = overwritten(asText(output.text));
    }
  }

  #stream(output: Output): void {
    const last = this.#clearBeforeNext ? undefined : this.#cell.outputs?.at(-1);
    if (last?.output_type !== 'stream' || last.name !== output.name) this.#push({ ...output });
    else if (this.#hasRoom(last, sizeOf(output))) last.text += asText(output.text);
  }

  #display(output: Output, { transient }: Content): Output {
    const id = displayId(transient);
    const { displays } = this.#kept;
    if (!this.#push(output) || id === undefined) return output;
    const same = displays.get(id);
    if (same === undefined) displays.set(id, [output]);
    else same.push(output);
    return output;
  }

  #update({ data = {}, metadata = {}, transient }: Content): Output | undefined {
    const shown = this.#kept.displays.get(displayId(transient) ?? '') ?? [];
    this.#kept.drop(shown);
    for (const output of shown) {
      const next = { ...output, data, metadata };
      Object.assign(output, this.#hasRoom(output, sizeOf(next)) ? next : { data: {}, metadata: {} });
    }
    return shown[0];
  }

  /** @returns whether it is kept */
  #push(output: Output): boolean {
    if (this.#clearBeforeNext) this.#clear();
    if (!this.#hasRoom(output, sizeOf(output))) return false;
    this.#cell.outputs?.push(output);
    return true;
  }

  #clear(): void {
    this.#kept.drop(this.#cell.outputs ?? []);
    this.#cell.outputs = [];
    this.#clearBeforeNext = false;
    this.#isFull = false;
  }

  /** Says in the notebook, once a cell, that there is none. */
  #hasRoom(output: Output, characters: number): boolean {
    if (!this.#isFull && this.#kept.add(output, characters)) return true;
    if (!this.#isFull) this.#cell.outputs?.push({ ...FULL });
    this.#isFull = true;
    return false;
  }
}

/** In characters, with something for what every output has. */
function sizeOf(output: Output): number {
  return 64 + (typeof output.text === 'string' ? output.text.length : JSON.stringify(output).length);
}

/** What somebody at a terminal reads of an output; colours are kept. */
export function textOf(output: Output): string {
  if (output.output_type === 'stream') return asText(output.text);
  if (output.output_type === 'error') return withNewline([output.traceback].flat().map(asText).join('\n'));
  const data = (output.data ?? {}) as Content;
  const text = data['text/plain'] ?? data['text/markdown'];
  return text === undefined ? '' : withNewline(asText(text));
}

/** A kernel may put anything where its protocol has text. */
function asText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** The rules of JupyterLab and nbconvert: `\r` starts its line anew, `\b` takes a character back. */
function overwritten(text: string): string {
  let shown = text;
  for (let before = ''; before !== shown; ) {
    before = shown;
    shown = shown.replace(/[^\n]\x08/g, '');
  }
  return shown.replace(/\r+\n/g, '\n').replace(/^.*\r(?=[^\n])/gm, '');
}

function displayId(transient: unknown): string | undefined {
  const { display_id: id } = (transient ?? {}) as Content;
  return typeof id === 'string' ? id : undefined;
}
