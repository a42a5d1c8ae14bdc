import type { Cell, Output } from './notebook.js';

type Content = Readonly<Record<string, unknown>>;

/** The outputs of all cells that a display_id names: an update may come from any later cell. */
export type Displays = Map<string, Output[]>;

/**
 * The outputs of one cell, as Jupyter keeps them: streams merged, displays updated by their id, `clear_output` obeyed.
 * Source: https://jupyter-client.readthedocs.io/en/latest/messaging.html#messages-on-the-iopub-pub-sub-channel
 */
export class CellOutputs {
  readonly #cell: Cell;
  readonly #displays: Displays;
  #clearBeforeNext = false;

  constructor(cell: Cell, displays: Displays) {
    this.#cell = cell;
    this.#displays = displays;
    cell.outputs = [];
  }

  /**
   * @param type msg_type of an iopub message of this cell
   * @returns what it shows, for a reader who reads along; undefined when it shows nothing
   */
  add(type: string, content: Content): Output | undefined {
    switch (type) {
      case 'stream': {
        const output = { output_type: type, name: content.name, text: String(content.text) };
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
        return this.#push({ output_type: type, ename, evalue, traceback });
      }
      case 'clear_output':
        if (content.wait === true) this.#clearBeforeNext = true;
        else this.#cell.outputs = [];
        return undefined;
      default:
        return undefined;
    }
  }

  /** The cell has ended: what its streams wrote over stays gone, as on a terminal. */
  finish(): void {
    for (const output of this.#cell.outputs ?? []) {
      if (output.output_type === 'stream') output.text = overwritten(String(output.text));
    }
  }

  #stream(output: Output): void {
    const last = this.#clearBeforeNext ? undefined : this.#cell.outputs?.at(-1);
    if (last?.output_type === 'stream' && last.name === output.name) last.text += String(output.text);
    else this.#push({ ...output });
  }

  #display(output: Output, { transient }: Content): Output {
    const id = displayId(transient);
    if (id !== undefined) this.#displays.set(id, [...(this.#displays.get(id) ?? []), output]);
    return this.#push(output);
  }

  #update({ data = {}, metadata = {}, transient }: Content): Output | undefined {
    const shown = this.#displays.get(displayId(transient) ?? '') ?? [];
    for (const output of shown) Object.assign(output, { data, metadata });
    return shown[0];
  }

  #push(output: Output): Output {
    if (this.#clearBeforeNext) this.#cell.outputs = [];
    this.#clearBeforeNext = false;
    this.#cell.outputs = [...(this.#cell.outputs ?? []), output];
    return output;
  }
}

/** What somebody at a terminal reads of an output; colours are kept. */
export function textOf(output: Output): string {
  if (output.output_type === 'stream') return String(output.text);
  if (output.output_type === 'error') return withNewline([output.traceback].flat().join('\n'));
  const data = (output.data ?? {}) as Content;
  const text = data['text/plain'] ?? data['text/markdown'];
  return text === undefined ? '' : withNewline(String(text));
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
