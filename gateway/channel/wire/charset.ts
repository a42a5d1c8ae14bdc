/**
 * The encodings in which an answer is handed to a kernel: UTF-8, and those in which ASCII is ASCII, so that a credential can
 * be found in it. Python knows some that a service could choose to hide one from the gateway (`utf-7`, EBCDIC).
 */

/** Labels of the web in which it isn't. Source: https://encoding.spec.whatwg.org/#names-and-labels */
const NOT_ASCII = new Set(['utf-16le', 'utf-16be', 'iso-2022-jp']);

interface Text {
  readonly data: Buffer;
  readonly charset: string;
}

/**
 * @param data of the answer, @param page what its header says
 * @returns the same, or the text in UTF-8
 */
export function readable(
  data: Buffer,
  { charset, mediaType }: { readonly charset: string; readonly mediaType: string },
): Text {
  const encoding = wideEncodingOf(data, mediaType) ?? encodingOf(charset);
  // As Python does it: an unknown encoding is read as UTF-8.
  if (encoding === undefined) return { data, charset: 'utf-8' };
  if (encoding === 'utf-32le' || encoding === 'utf-32be') return utf8(fromUtf32(data, encoding));
  if (!NOT_ASCII.has(encoding)) return { data, charset };
  return utf8(new TextDecoder(encoding).decode(data));
}

function utf8(text: string): Text {
  return { data: Buffer.from(text), charset: 'utf-8' };
}

/** @returns the encoding's name on the web; undefined for one that it doesn't know */
function encodingOf(label: string): string | undefined {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return /^utf[-_]?32/i.test(label) ? (/be$/i.test(label) ? 'utf-32be' : 'utf-32le') : undefined;
  }
}

/** UTF-16 and UTF-32 as their first bytes tell: a byte-order mark, or the zeros of two ASCII characters (RFC 4627 section 3). */
function wideEncodingOf(data: Buffer, mediaType: string): string | undefined {
  const [a, b, c, d] = data;
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? 'utf-32le' : 'utf-16le';
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return 'utf-32be';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  if (!/json|xml|^text\/|^$/.test(mediaType) || data.length < 4) return undefined;
  if (b === 0 && d === 0 && a !== 0) return c === 0 ? 'utf-32le' : 'utf-16le';
  if (a === 0 && c === 0 && d !== 0) return b === 0 ? 'utf-32be' : 'utf-16be';
  return undefined;
}

function fromUtf32(data: Buffer, encoding: 'utf-32le' | 'utf-32be'): string {
  const points: string[] = [];
  for (let at = 0; at + 4 <= data.length; at += 4) {
    const code = encoding === 'utf-32le' ? data.readUInt32LE(at) : data.readUInt32BE(at);
    if (code === 0xfeff && at === 0) continue;
    points.push(code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code));
  }
  return points.join('');
}
