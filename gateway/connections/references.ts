import { referenceAt, referencesIn } from '../../processors/references.js';
import type { Secret } from '../../processors/secret.js';

/** @returns what stands between the braces when the whole text is one reference to a value */
export function wholeReference(text: string): string | undefined {
  const reference = referenceAt(text, 0);
  return reference?.includes(':') && text === `{{${reference}}}` ? reference : undefined;
}

/** True for a text that holds a reference and something beside it: neither a name nor a value. */
export function isMixed(text: string): boolean {
  return (
    wholeReference(text) === undefined && referencesIn(text).some((reference) => reference.includes(':'))
  );
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
