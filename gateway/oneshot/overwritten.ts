/**
 * What a terminal would still show of a stream, by nbconvert's rules: `\r` starts its line anew, `\b` takes a character
 * back. One that ends the text stays: what follows is not known yet. So a stream may be read in parts.
 */
export function overwritten(text: string): string {
  if (!/[\r\b]/.test(text)) return text;
  const lines = text.split('\n');
  const last = lines.pop() ?? '';
  return [...lines.map(shown), shown(last) + (last.endsWith('\r') ? '\r' : '')].join('\n');
}

/** Each character is looked at a fixed number of times: a cell prints millions of them. */
function shown(line: string): string {
  let end = line.length;
  while (line[end - 1] === '\r') end--;
  const written = line.slice(line.lastIndexOf('\r', end - 1) + 1, end);
  if (!written.includes('\b')) return written;
  const characters: string[] = [];
  for (const character of written) {
    if (character === '\b') characters.pop();
    else characters.push(character);
  }
  return characters.join('');
}
