import { referenceAt, referencesIn } from '../../processors/core/references.js';
import type { Secret } from '../../processors/core/secret.js';

/** @returns the text between the braces when the whole text is one reference to a value */
export function wholeReference(text: string): string | undefined {
  const reference = referenceAt(text, 0);
  return reference?.includes(':') && text === `{{${reference}}}` ? reference : undefined;
}

/** True for a text with a reference and other text beside it: neither a name nor a value. */
export function isMixed(text: string): boolean {
  return (
    wholeReference(text) === undefined && referencesIn(text).some((reference) => reference.includes(':'))
  );
}

/** What people write who know references from elsewhere: other names of a store, blanks, a shell's or an action's form. */
const LOOKALIKE =
  /^(?:\$?\{\{\s*([\w.-]*?)\s*(?:[:.]\s*)?([A-Za-z_][\w-]*)\s*\}\}|\{\s*(runtime_env|secret|secret_var)\s*:\s*([A-Za-z_][\w-]*)\s*\}|\$\{([A-Z_][A-Z0-9_]*)\}|\$([A-Z_][A-Z0-9_]+))$/;

/** @returns what to write instead of a text that is meant as a reference but isn't one; quotes only a name of it */
export function misspelt(text: string): string | undefined {
  if (wholeReference(text) !== undefined) return undefined;
  const [, store = '', name, inner, innerName, braced, bare] = LOOKALIKE.exec(text.trim()) ?? [];
  const wanted = name ?? innerName ?? braced ?? bare;
  if (wanted === undefined) return undefined;
  const isSecret = /secret/i.test(store || (inner ?? ''));
  const [first, second] = isSecret ? ['secret', 'runtime_env'] : ['runtime_env', 'secret'];
  return `this is not a reference. Write "{{${first}:${wanted}}}", without spaces, or "{{${second}:${wanted}}}".`;
}

/** True for what YAML makes of `{{…}}` without quotes: a map whose only key is a map. */
export function isUnquoted(setting: unknown): boolean {
  if (Array.isArray(setting)) return setting.some(isUnquoted);
  if (typeof setting !== 'object' || setting === null) return false;
  const entries = Object.entries(setting);
  return entries.length === 1 && entries.every(([key, value]) => key.startsWith('{') && value === null);
}

/** Every text of a setting, however deep. */
export function textsOf(setting: unknown): string[] {
  if (typeof setting === 'string') return [setting];
  if (typeof setting !== 'object' || setting === null) return [];
  return Object.values(setting).flatMap(textsOf);
}

/** The same setting with each reference replaced by its value. */
export function withValues(setting: unknown, look: (reference: string) => Secret): unknown {
  if (typeof setting === 'string') {
    const reference = wholeReference(setting);
    return reference === undefined ? setting : look(reference);
  }
  if (Array.isArray(setting)) return setting.map((item) => withValues(item, look));
  if (typeof setting !== 'object' || setting === null) return setting;
  return Object.fromEntries(Object.entries(setting).map(([key, value]) => [key, withValues(value, look)]));
}
