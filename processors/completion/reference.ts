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

/** The longest reference that is looked for, in characters: a cell may be large, and this runs with every keystroke. */
const LONGEST = 300;

/** @returns the reference that is being typed at the cursor */
export function openReference(code: string, cursor: number): OpenReference | undefined {
  const [, slashes = '', typed] = OPEN.exec(code.slice(Math.max(0, cursor - LONGEST), cursor)) ?? [];
  if (typed === undefined || slashes.length % 2 === 1) return undefined;
  return { from: cursor - typed.length, typed };
}

/** @returns true for what can stand between braces */
export function isReference(text: string): boolean {
  return referenceAt(`{{${text}}}`, 0) === text;
}

/** Kinds that a kernel's completer calls things which no cell can send to a service. */
const NOT_VALUES = new Set(['keyword', 'function', 'class', 'module', 'magic', 'path']);

/** Whether a match of the kernel can be a variable in a cell. */
export function isVariable(text: string, kind: string): boolean {
  return isReference(text) && !text.includes(':') && !NOT_VALUES.has(kind) && !isOfPython(text, kind);
}
