/** What is being typed on the first line of a cell; `from` is where the word at the cursor begins. */
export type Place =
  | { readonly kind: 'processor'; readonly from: number; readonly word: string; readonly prefix: '%%' | '' }
  | {
      readonly kind: 'word';
      readonly from: number;
      readonly word: string;
      readonly processor: string;
      /** What the words before it leave open. */
      readonly expects: { readonly value: string } | 'connection' | 'option';
      readonly given: readonly string[];
    };

/** IPython ignores empty lines before a cell magic. */
const START = /^(?:[ \t\f]*\r?\n)*%%/;

/**
 * Reads a first line up to the cursor, however unfinished it is.
 *
 * @param isFlag whether an option takes no value
 * @returns undefined when the cursor isn't on the first line, or not behind `%%`
 */
export function placeOnHead(
  code: string,
  cursor: number,
  isFlag: (processor: string, option: string) => boolean,
): Place | undefined {
  const start = START.exec(code)?.[0].length;
  if (start === undefined || cursor < start || code.slice(start, cursor).includes('\n')) return undefined;
  const line = code.slice(start, cursor);
  const word = line.slice(lastWord(line));
  const before = line.slice(0, line.length - word.length).match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];
  const from = cursor - word.length;
  const [magic, ...words] = before;
  if (magic === undefined) return { kind: 'processor', from: start - 2, word: `%%${word}`, prefix: '%%' };
  const processor = magic === 'spin' ? words.shift() : magic;
  if (processor === undefined) return { kind: 'processor', from, word, prefix: '' };

  const given: string[] = [];
  let open: string | undefined;
  let connection = false;
  for (const each of words) {
    if (open !== undefined && !each.startsWith('--')) open = undefined;
    else if (each.startsWith('--')) {
      const [option = '', value] = each.slice(2).split('=');
      given.push(option);
      open = value !== undefined || isFlag(processor, option) ? undefined : option;
    } else connection = true;
  }
  const [, option, value] = /^--([\w-]+)=(.*)$/.exec(word) ?? [];
  const at = { kind: 'word', processor, given } as const;
  if (option !== undefined && value !== undefined)
    return { ...at, from: cursor - value.length, word: value, expects: { value: option } };
  if (open !== undefined && !word.startsWith('--')) return { ...at, from, word, expects: { value: open } };
  return { ...at, from, word, expects: connection || word.startsWith('-') ? 'option' : 'connection' };
}

/** @returns the end of the word that the cursor is in or next to */
export function wordEnd(code: string, cursor: number): number {
  return cursor + (/^[^\s=]*/.exec(code.slice(cursor))?.[0].length ?? 0);
}

/** @returns where the last word begins: after white space outside of quotes */
function lastWord(line: string): number {
  let start = 0;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (/\s/.test(character)) start = at + 1;
  }
  return start;
}
