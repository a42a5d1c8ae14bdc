/**
 * What a terminal, or a reader of lines, would take for more than text: controls (category Cc, ECMA-48), line and
 * paragraph separators, and what turns the direction of text round (Unicode TR9), so that a line could read as another.
 */
const COMMANDING = /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;
/** SGR of ECMA-48: colours and weights, which end with the text. */
const COLOUR = '\\u001B\\[[\\d;:]*m';
const COLOURS = new RegExp(COLOUR, 'g');
/** What moves a cursor, and other whole sequences: Jupyter's own clients leave them out too. */
const SEQUENCE = new RegExp(
  `(${COLOUR})|\\u001B(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\\u0007\\u001B\\u009C]*(?:\\u0007|\\u001B\\\\|\\u009C)|[ -/]*[0-Z\\\\^-~])`,
  'g',
);

/**
 * A stranger's text for one line at a terminal or in a file: what would command is shown, not sent (`\x1b`, `\n`).
 */
export function printable(text: string): string {
  return text.replace(COMMANDING, shown);
}

/** The same for a text of several lines, which are its own. */
export function printableLines(text: string): string {
  return text.replace(COMMANDING, (character) => (character === '\n' ? '\n' : shown(character)));
}

/**
 * What a cell shows, as a notebook's page has it: colours, line ends, tabs, `\r` and `\b` count, nothing else does.
 * @param coloured false takes colours out
 */
export function printableOutput(text: string, coloured: boolean): string {
  const kept = text.replace(SEQUENCE, (_, colour: string | undefined) => colour ?? '');
  const parts = kept.split(COLOURS);
  const colours = coloured ? (kept.match(COLOURS) ?? []) : [];
  return parts.map((part, at) => part.replace(COMMANDING, keptOrShown) + (colours[at] ?? '')).join('');
}

function keptOrShown(character: string): string {
  return /[\n\r\t\u0008]/.test(character) || character > '\u009F' ? character : shown(character);
}

const NAMES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function shown(character: string): string {
  const code = character.charCodeAt(0);
  const hex = code.toString(16);
  return NAMES[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`);
}
