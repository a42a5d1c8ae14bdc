import type { Cursor, Heredoc } from './cursor.js';
import { expandable } from './words.js';

// Redirections and here-documents. Source: Bash Reference Manual, 3.6.6.

const HEREDOC = /^<<(-?)[ \t]*((?:\\[^\n]|'[^'\n]*'|"[^"\n]*"|[^\s\\'"<>|&;()])+)/;
const OPERATOR = /^(?:<<<|<<-?|<&|<>|<|>>|>&|>\||>)/;

/**
 * Copies an operator like `<`, `>>`, `<<<`; the word after it stays for the caller.
 * @param shell whether the text goes to a shell, which runs it
 */
export function redirection(cursor: Cursor, shell: boolean): 'text' | 'file' {
  const rest = cursor.text.slice(cursor.at);
  const heredoc = HEREDOC.exec(rest);
  if (heredoc === null) {
    const operator = OPERATOR.exec(rest)?.[0] ?? '<';
    cursor.copy(operator.length);
    return operator === '<<<' ? 'text' : 'file';
  }
  const [whole, dash = '', word = ''] = heredoc;
  if (/[{$`]/.test(word)) cursor.unsure('this here-document’s delimiter');
  cursor.heredocs.push({
    delimiter: word.replace(/["'\\]/g, ''),
    literal: /["'\\]/.test(word),
    tabs: dash !== '',
    forbidden: shell ? 'a shell runs this here-document as code' : undefined,
  });
  cursor.copy(whole.length - word.length);
  return 'file';
}

/** Reads the bodies that follow the line that ends here. */
export function heredocBodies(cursor: Cursor): void {
  for (const heredoc of cursor.heredocs.splice(0)) {
    const [end, next] = extent(cursor, heredoc);
    const read = () => (heredoc.literal ? literalBody(cursor, end) : cursor.apart(end, expandedBody));
    cursor.within(() => heredoc.forbidden, read);
    cursor.copy(next - end);
  }
}

function expandedBody(body: Cursor): void {
  while (body.more) expandable(body, true);
}

function literalBody(cursor: Cursor, end: number): void {
  while (cursor.at < end) {
    if (cursor.escapedReference()) continue;
    cursor.refuseReference('bash expands nothing in this here-document; write its delimiter without quotes');
    cursor.copy();
  }
}

/** @returns the offsets where the body ends and where the line after its delimiter starts */
function extent({ text, at }: Cursor, { delimiter, literal, tabs }: Heredoc): [end: number, next: number] {
  let continued = false;
  for (let line = at; line < text.length; ) {
    const stop = text.indexOf('\n', line);
    const next = stop < 0 ? text.length : stop + 1;
    const content = text.slice(line, stop < 0 ? undefined : stop);
    if (!continued && (tabs ? content.replace(/^\t+/, '') : content) === delimiter) return [line, next];
    continued = !literal && /(?:^|[^\\])(?:\\\\)*\\$/.test(content);
    line = next;
  }
  return [text.length, text.length];
}
