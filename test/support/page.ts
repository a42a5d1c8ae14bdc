import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { marked } from 'marked';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A block of code between two fences of a documentation page. */
export interface Block {
  /** The word behind the fence: `sh`, `yaml`, `js` …; empty: none. */
  readonly language: string;
  readonly text: string;
}

/**
 * The code that a page shows below a heading, up to the next heading: so that a test runs what people copy.
 *
 * @param page a Markdown file's path from the project's root, e.g. `docs/deploy/container.md`
 * @throws {Error} when the page has no such heading, or no code below it: a page that moved must not pass unread
 */
export async function blocksOf(page: string, heading: string): Promise<readonly Block[]> {
  const tokens = marked.lexer(await readFile(`${ROOT}${page}`, 'utf8'));
  const start = tokens.findIndex((token) => token.type === 'heading' && token.text === heading);
  if (start < 0) throw new Error(`${page} has no heading "${heading}".`);
  const rest = tokens.slice(start + 1);
  const end = rest.findIndex(({ type }) => type === 'heading');
  const blocks = (end < 0 ? rest : rest.slice(0, end)).flatMap((token) =>
    token.type === 'code' ? [{ language: token.lang ?? '', text: token.text as string }] : [],
  );
  if (blocks.length === 0) throw new Error(`${page} shows no code below "${heading}".`);
  return blocks;
}

/**
 * Runs a block of shell commands as a reader who copied it would. Ends at the first failure.
 *
 * @param environment what the page tells people to set, beside what the test itself has
 * @param folder where; what the block writes is left there
 * @returns what it printed
 * @throws {Error} with all that it said when it fails
 */
export async function runBlock(
  { text }: Block,
  environment: Readonly<Record<string, string>> = {},
  folder: string = ROOT,
): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', text], {
    cwd: folder,
    env: { ...process.env, ...environment },
    maxBuffer: 100_000_000,
  });
  return stdout;
}
