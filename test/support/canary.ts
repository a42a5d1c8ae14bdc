import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Contains every character that could end a piece of code or text, between a head and a tail that stay readable. */
export const CANARY = 'head66"a\'b&<c>\n$d`e{{f\\gé—ü-tail77';

/** A value that is the beginning of {@link CANARY}, and one that is its end. */
export const BEGINNING = CANARY.slice(0, 8);
export const ENDING = 'tail77';

export const REF = '{{runtime_env:KEY}}';
export const ENV = { KEY: CANARY, BEGINNING, ENDING };

const PIECES = ['head66', 'tail77', 'é—ü', '\\u00e9\\u2014', '\\xe9'].map((piece) => Buffer.from(piece));

/** @returns the text around a piece of the canary; undefined when it contains none */
export function leakIn(bytes: Buffer | string): string | undefined {
  const searched = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  const found = PIECES.find((piece) => searched.includes(piece));
  if (!found) return undefined;
  const at = searched.indexOf(found);
  return searched.toString('utf8', Math.max(0, at - 300), at + 100);
}

/** @returns the files below a folder that hold a piece of the canary */
export async function filesWithLeak(folder: string): Promise<{ leaks: string[]; searched: number }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const leaks: string[] = [];
  for (const file of files) {
    if (leakIn(await readFile(file)) !== undefined) leaks.push(file);
  }
  return { leaks, searched: files.length };
}
