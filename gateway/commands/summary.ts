import { ownCommand } from '../own-command.js';
import { printable } from '../printable.js';

/** What the user who starts a gateway wants to know when it runs. */
export interface Summary {
  /** Logs in once. */
  readonly link: string;
  /** The folder that its own Jupyter serves; undefined: the gateway did not start Jupyter. */
  readonly notebooks: string | undefined;
  readonly connections: { readonly names: readonly string[]; readonly file: string };
  readonly warnings: readonly string[];
}

const INDENT = 13;
const MOST_NAMED = 6;

/** A short table, last on a terminal. A link stays in one piece, for users who click or copy it. */
export function printSummary(
  { link, notebooks, connections, warnings }: Summary,
  { coloured, columns }: { readonly coloured: boolean; readonly columns: number },
): string {
  const bold = (text: string) => (coloured ? `\x1b[1m${text}\x1b[0m` : text);
  const row = (name: string, text: string) =>
    wrapped(printable(text), Math.max(20, columns - INDENT))
      .map((line, at) => `${(at === 0 ? name : '').padEnd(INDENT)}${line}\n`)
      .join('');
  const { names, file } = connections;
  const more = names.length > MOST_NAMED ? ', …' : '';
  return [
    '\n',
    `${'open'.padEnd(INDENT)}${bold(link)}\n`,
    row('', `once, within 10 minutes; again: ${ownCommand()} login-url`),
    notebooks === undefined ? '' : row('notebooks', notebooks),
    row(
      'connections',
      names.length === 0
        ? `none; add them to ${file}`
        : `${names.length}: ${names.slice(0, MOST_NAMED).join(', ')}${more}`,
    ),
    ...warnings.map((warning) => row('warning', warning)),
    '\n',
  ].join('');
}

/** By words; one that is longer than the line stays whole. */
function wrapped(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= room)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
