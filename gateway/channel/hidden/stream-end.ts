const QUOTE = 0x22;
const BRACE = 0x7d;
const BACKSLASH = 0x5c;

/** How kernels write a stream's content: the text comes last. */
const UP_TO_TEXT = /^\{\s*"name"\s*:\s*"\w*"\s*,\s*"text"\s*:\s*"/;
const LONGEST_HEAD = 64;

/** `\u0041`: what one UTF-16 unit takes at most. */
const ESCAPE_BYTES = 6;

/**
 * Reads the end of a stream message's text without parsing all of it, which may be megabytes.
 *
 * @param content the message's content, JSON
 * @param reach how many characters are wanted at least
 * @returns the end of the text, or all of it; undefined where only a parser can tell: another order of members, more
 *   members, or a text with quotes in it
 */
export function streamEnd(content: Buffer, reach: number): string | undefined {
  const head = UP_TO_TEXT.exec(content.toString('latin1', 0, LONGEST_HEAD))?.[0].length ?? 0;
  const end = content.length - 2;
  if (head === 0 || end < head || content[end] !== QUOTE || content[end + 1] !== BRACE) return undefined;
  if (content.lastIndexOf(QUOTE, end - 1) !== head - 1) return undefined;
  let start = Math.max(head, end - ESCAPE_BYTES * reach);
  // Of an escape cut in two the rest would mean something else.
  while (start > head && content[start - 1] === BACKSLASH) start--;
  try {
    return JSON.parse(`"${content.toString('utf8', start, end)}"`) as string;
  } catch {
    return undefined;
  }
}
