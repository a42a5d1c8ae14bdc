/**
 * The protocol counts positions in code points, JavaScript in UTF-16 units.
 * Source: https://jupyter-client.readthedocs.io/en/latest/messaging.html#cursor-pos-and-unicode-offsets
 */

/** @returns the index of the JavaScript string; its end for a position beyond it */
export function indexOf(text: string, codePoints: number): number {
  let index = 0;
  for (let passed = 0; passed < codePoints && index < text.length; passed += 1)
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  return index;
}

/** @returns how many code points come before an index */
export function codePointsBefore(text: string, index: number): number {
  let count = 0;
  for (let at = 0; at < index; count += 1) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return count;
}
