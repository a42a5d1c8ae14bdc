import { pathToFileURL } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { printableOutput } from '../printable.js';
import type { CellResult } from './cells.js';
import type { Output } from './notebook.js';
import { textOf } from './outputs.js';

/**
 * What is printed on stdout. `text`: what the cells show, as it comes, as on a terminal; `json`: a line per cell when
 * it has ended; `urls`: where the executed notebook and the report are, when the run has ended.
 */
export const FORMATS = ['text', 'json', 'urls'] as const;
export type Format = (typeof FORMATS)[number];

/** Where a run's results are. */
export interface Written {
  readonly notebook: string;
  /** Undefined when there is none. */
  readonly report: string | undefined;
}

export interface Printer {
  shown(output: Output): void;
  ended(result: CellResult): void;
  written(results: Written): void;
}

/** The beginning of a control sequence whose end is still to come. */
const BEGUN = /\x1b(?:\[[\d;:]{0,30})?$/;

/**
 * @param write takes text for stdout
 * @param coloured false takes colours out of `text`
 */
export function createPrinter(format: Format, write: (text: string) => void, coloured: boolean): Printer {
  const nothing = { shown: () => {}, ended: () => {}, written: () => {} };
  switch (format) {
    case 'text': {
      let held = '';
      const show = (text: string) => write(printableOutput(text, coloured));
      return {
        ...nothing,
        shown(output) {
          const text = held + textOf(output);
          // A kernel may cut its output anywhere, also in the middle of a colour.
          held = BEGUN.exec(text)?.[0] ?? '';
          show(text.slice(0, text.length - held.length));
        },
        ended() {
          show(held);
          held = '';
        },
      };
    }
    case 'json':
      return { ...nothing, ended: (result) => write(`${JSON.stringify(lineOf(result))}\n`) };
    case 'urls':
      return {
        ...nothing,
        written({ notebook, report }) {
          for (const path of [notebook, report]) if (path !== undefined) write(`${pathToFileURL(path)}\n`);
        },
      };
  }
}

function lineOf({ index, cell, status, seconds, isLossy }: CellResult) {
  const output = (cell.outputs ?? []).map(textOf).join('');
  return {
    index,
    id: cell.id ?? null,
    status,
    duration: seconds,
    ...(isLossy && { incomplete: true }),
    output: stripVTControlCharacters(output),
  };
}
