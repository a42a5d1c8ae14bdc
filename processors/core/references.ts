import { type Cell, CellError } from './processor.js';

/**
 * The grammar of references, the same in every cell: `{{variable}}` with `.attribute` or `[index]` parts is a
 * kernel variable; `{{runtime_env:NAME}}`, `{{secret:NAME}}` and `{{secret_var:VAR}}` are values that the
 * gateway delivers. No spaces; `\{{` is literal. A reference with spaces is refused where a reference is possible:
 * sent as text, it would be a wrong result that the user doesn't notice. Everything else
 * (`{{.GoTemplate}}`, `{{ x | upper }}`, `${{ github.ref }}`) is text.
 */
const IDENTIFIER = String.raw`[\p{ID_Start}_]\p{ID_Continue}*`;
const INDEX = String.raw`-?\d+|'[^'\\\s]*'|"[^"\\\s]*"`;
const VARIABLE = String.raw`${IDENTIFIER}(?:\.${IDENTIFIER}|\[(?:${INDEX})\])*`;
const PROVIDED = '(?:runtime_env|secret_var):[A-Za-z_][A-Za-z0-9_]*|secret:[A-Za-z0-9_][A-Za-z0-9_.-]*';

// A run of backslashes is tried at its start alone: at each of them it would take quadratic time.
const ANYWHERE = new RegExp(String.raw`(?<!\\)(\\*)\{\{(${PROVIDED}|${VARIABLE})\}\}`, 'gu');
const HERE = new RegExp(String.raw`\{\{(${PROVIDED}|${VARIABLE})\}\}`, 'uy');
const PROVIDED_ONLY = new RegExp(String.raw`\{\{(?:${PROVIDED})\}\}`);
const SPACE = String.raw`[ \t]`;
// A dollar before it makes it an expression of a workflow (GitHub Actions).
const SPACED = new RegExp(
  String.raw`(?<![\\$])(?:\\\\){0,8}\{\{(?:${SPACE}{1,20}(${PROVIDED}|${VARIABLE})${SPACE}{0,20}|(${PROVIDED}|${VARIABLE})${SPACE}{1,20})\}\}`,
  'u',
);
const SPACED_PROVIDED = new RegExp(
  String.raw`\{\{(?:${SPACE}{1,20}(?:${PROVIDED})${SPACE}{0,20}|(?:${PROVIDED})${SPACE}{1,20})\}\}`,
);
const GET_SECRET = /\bSpinSecrets\s*\.\s*get_secret\s*\(\s*(?:(["'])([A-Za-z0-9_][A-Za-z0-9_.-]*)\1)?/g;

/** Whether the gateway delivers it; otherwise it is a variable of the kernel. */
export function isProvided(reference: string): boolean {
  return reference.includes(':');
}

/** @returns the reference that starts at an offset of the text: what is between its braces */
export function referenceAt(text: string, offset: number): string | undefined {
  HERE.lastIndex = offset;
  return HERE.exec(text)?.[1];
}

/** @returns each reference of a text once, in order, without escaped ones */
export function referencesIn(text: string): string[] {
  const found = [...text.matchAll(ANYWHERE)].flatMap(([, slashes = '', reference = '']) =>
    slashes.length % 2 === 0 ? [reference] : [],
  );
  return [...new Set(found)];
}

const PROVIDED_ANYWHERE = new RegExp(String.raw`(?<!\\)(\\*)(\{\{(?:${PROVIDED})\}\})`, 'g');

/** @returns the references of a text whose values the gateway would have to give */
export function providedIn(text: string): string[] {
  return referencesIn(text).filter(isProvided);
}

/** The text that a user who writes `\{{runtime_env:NAME}}` means, where no other code undoes the escape. */
export function unescaped(text: string): string {
  return text.replace(PROVIDED_ANYWHERE, (whole, slashes: string, reference: string) =>
    slashes.length % 2 === 1 ? slashes.slice(1) + reference : whole,
  );
}

/**
 * For the cells in which references to variables can stand. In Python they can't, and `"{{ name }}"` is a template of a
 * library's: there the kernel's helper refuses those alone that name a value of the gateway.
 *
 * @returns the same as {@link referencesIn}
 * @throws {CellError} for what looks like a reference but for its spaces
 */
export function cellReferencesIn(text: string): string[] {
  refuseSpaced(text);
  return referencesIn(text);
}

/** @throws {CellError} see {@link cellReferencesIn} */
export function refuseSpaced(text: string): void {
  const spaced = SPACED.exec(text);
  if (spaced === null) return;
  const name = spaced[1] ?? spaced[2] ?? '';
  throw new CellError(
    `{{ ${name} }} has spaces, so it isn't a reference. Write {{${name}}}, or \\{{ ${name} }} for the text ` +
      '(--raw takes all of a cell as text).',
  );
}

/**
 * The kernel variables that a text refers to, where a value that only the gateway could give has no place.
 *
 * @param place what the text is, and why: `SQL: databases log statements`
 * @throws {CellError} for such a value
 */
export function variablesIn(text: string, { raw }: Cell['options'], place: string): string[] {
  if (raw === true) return [];
  const references = cellReferencesIn(text);
  const provided = references.find(isProvided);
  if (provided === undefined) return references;
  throw new CellError(`{{${provided}}} can't be used in ${place}. Use a variable.`);
}

/** Whether Python code mentions a value that the gateway would have to deliver, in any place and with any spaces. */
export function mentionsProvided(code: string): boolean {
  const mentions = code.includes('{{') && (PROVIDED_ONLY.test(code) || SPACED_PROVIDED.test(code));
  return mentions || secretCalls(code).length > 0;
}

/** @returns `secret:NAME` for each `SpinSecrets.get_secret("NAME")`; `secret:` where the name isn't a literal */
export function secretCalls(code: string): string[] {
  if (!code.includes('SpinSecrets')) return [];
  return [...code.matchAll(GET_SECRET)].map((match) => `secret:${match[2] ?? ''}`);
}
