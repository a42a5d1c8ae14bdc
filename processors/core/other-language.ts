import { headName } from './header.js';
import { providedIn, unescaped } from './references.js';
import { quoted } from './refusal.js';

/** Decides about a cell for a kernel that isn't Python's: it goes there, or is answered with a sentence. */
export type Elsewhere = { readonly code: string } | { readonly refused: string };

/**
 * A value needs the helper, which is Python. Everything else is that kernel's own business, its `%%` magics too; only
 * the escape means the same everywhere.
 *
 * @param language as the kernel names it
 */
export function elsewhere(code: string, language: string): Elsewhere {
  const speaks = `this kernel’s language is ${quoted(language)}`;
  if (headName(code) === 'spin') return { refused: `%%spin cells need a Python kernel, and ${speaks}.` };
  const [reference] = providedIn(code);
  if (reference === undefined) return { code: unescaped(code) };
  const sentence = `{{${reference}}} can be given to Python kernels only, and ${speaks}. `;
  return { refused: `${sentence}Write \\{{${reference}}} for the text itself, in comments too.` };
}
