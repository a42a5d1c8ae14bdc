/** The longest `input_reply` value, in bytes of JSON (design: pages of at most 1 MiB). */
const LARGEST = 1024 * 1024;

/** Room for the first line of an answer, and for the message around it. */
const RESERVE = 4 * 1024;

/**
 * Cuts a page's JSON into pieces that each fit one `input_reply`, whose JSON writes quotes and line breaks as two bytes.
 * No piece ends inside a surrogate pair.
 */
export function cutToFit(json: string): readonly string[] {
  const pieces: string[] = [];
  let at = 0;
  do {
    let length = Math.min(json.length - at, LARGEST - RESERVE);
    while (Buffer.byteLength(JSON.stringify(json.slice(at, at + length))) > LARGEST - RESERVE)
      length = Math.floor(length * 0.7);
    if (at + length < json.length && isHighSurrogate(json.charCodeAt(at + length - 1))) length -= 1;
    pieces.push(json.slice(at, at + length));
    at += length;
  } while (at < json.length);
  return pieces;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
