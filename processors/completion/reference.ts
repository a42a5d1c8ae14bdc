import { referenceAt } from '../core/references.js';
import { isOfPython } from './python-names.js';

/** An unfinished `{{…` around the cursor. */
export interface OpenReference {
  /** Where what follows the braces begins. */
  readonly from: number;
  readonly typed: string;
}

/** As in `references.ts`, but unfinished; an odd number of backslashes before it makes it text. */
const OPEN = /(?<!\\)(\\*)\{\{((?:runtime_env|secret|secret_var):[\w.-]*|[\p{ID_Start}_][^\s{}:"]*|)$/u;

/** The longest reference that is searched for, in characters: a cell may be large, and every keystroke runs this. */
const LONGEST = 300;

/** @returns the reference that is being typed at the cursor */
export function openReference(code: string, cursor: number): OpenReference | undefined {
  const [, slashes = '', typed] = OPEN.exec(code.slice(Math.max(0, cursor - LONGEST), cursor)) ?? [];
  if (typed === undefined || slashes.length % 2 === 1) return undefined;
  return { from: cursor - typed.length, typed };
}

/** @returns true for text that is possible between braces */
export function isReference(text: string): boolean {
  return referenceAt(`{{${text}}}`, 0) === text;
}

/** The kinds, as a kernel's completer names them, that no cell can send to a service. */
const NOT_VALUES = new Set(['keyword', 'function', 'class', 'module', 'magic', 'path']);

/** Whether a match of the kernel can be a variable in a cell. */
export function isVariable(text: string, kind: string): boolean {
  return isReference(text) && !text.includes(':') && !NOT_VALUES.has(kind) && !isOfPython(text, kind);
}
