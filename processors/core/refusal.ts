import { pythonString } from './literal.js';

const LONGEST_SENTENCE = 600;

/**
 * Python that does nothing but raise one sentence (design: order is kept, mechanism 3). It needs no helper,
 * contains nothing of the cell's body, works where the user has bound `type` or `str` to something else, and
 * shows as one line instead of a stack.
 */
export function raising(sentence: string): string {
  const message = pythonString(sentence, true);
  return (
    `raise (lambda python, message: python.type("SpinError", (python.Exception,), {"_render_traceback_": ` +
    `lambda self: ["\\u001b[0;31mSpinError\\u001b[0m: " + message]})(message))(__import__("builtins"), ${message})`
  );
}

/** Python that does nothing but print a text: a question about a cell is no error. It needs no helper either. */
export function printing(text: string): string {
  return `__import__("builtins").print(${pythonString(text, true)})`;
}

/** A sentence fit to be shown: no control characters, bounded. */
export function presentable(sentence: string): string {
  const clean = sentence.replace(/[\p{Cc}\p{Cf}\p{Cs}]+/gu, ' ').trim();
  return shortened(clean, LONGEST_SENTENCE);
}

/** A word of the cell's first line, fit to be quoted in a sentence. */
export function quoted(word: string): string {
  const clean = word.replace(/[\p{Cc}\p{Cf}\p{Cs}]+/gu, ' ');
  return shortened(clean, 40);
}

/** The ellipsis tells the broker that a credential may have been cut there. */
export function shortened(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
