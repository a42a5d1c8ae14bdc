/** One word, whatever is in it: what to do is pasted into a shell, perhaps root's (bash and zsh know `$'…'`). */
export function inShell(path: string): string {
  if (/^[\w./@%+=:,-]+$/.test(path)) return path;
  const escaped = path.replace(/[^\x20-\x7e]|[\\']/gu, (character) =>
    /[\\']/.test(character)
      ? `\\${character}`
      : [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
  return `$'${escaped}'`;
}
