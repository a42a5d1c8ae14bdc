import { Transform } from 'node:stream';

/** From this length on a token is no word that could stand somewhere by chance. */
export const UNMISTAKABLE = 16;

/**
 * A stream that takes the upstream's token out of a page (invariant S6): JupyterLab and Notebook write it into the
 * page's configuration, as JSON, and older pages into an attribute, percent-encoded. An empty one makes their client
 * send none, which is what it should do behind the gateway.
 *
 * A short token is only taken where it is called one, `"token": "jupyter"`, `data-jupyter-api-token="jupyter"`: elsewhere
 * it would tear the page apart.
 */
export function createScrubber(token: string): Transform {
  const patterns = patternsOf(token);
  const longest = Math.max(...patterns.map(({ find }) => find.length));
  let rest: Buffer = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const data = replaceAll(rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk, patterns);
      const held = beginning(data, patterns, longest);
      rest = data.subarray(data.length - held);
      done(null, data.subarray(0, data.length - held));
    },
    flush(done) {
      done(null, rest);
    },
  });
}

/** The text before and after a token where a page says that it is one: JSON in its usual forms, script, markup. */
const NAMED = ['"', "'", '&quot;', '&#34;', '&#39;'].flatMap((quote) =>
  [`${quote}: `, `${quote}:`, ': ', ':', ' = ', '='].map((mark) => [`oken${mark}${quote}`, quote] as const),
);

interface Pattern {
  readonly find: Buffer;
  readonly replacement: Buffer;
}

/** Every spelling that Jupyter's templates give a token, the longest first. */
function patternsOf(token: string): readonly Pattern[] {
  const json = JSON.stringify(token).slice(1, -1);
  const spellings = new Set([
    token,
    json,
    // Jinja's `tojson` also escapes what could end a script element.
    json.replace(/[<>&']/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`),
    json.replaceAll('/', '\\/'),
    encodeURIComponent(token),
    // Python's urllib.parse.quote leaves the slash and takes these.
    encodeURIComponent(token)
      .replaceAll('%2F', '/')
      .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`),
    escapeMarkup(token),
    escapeMarkup(json),
  ]);
  const pairs = [...spellings].flatMap((spelling) =>
    token.length >= UNMISTAKABLE
      ? [{ find: spelling, replacement: '' }]
      : NAMED.map(([before, after]) => ({
          find: before + spelling + after,
          replacement: before + after,
        })),
  );
  return pairs
    .map(({ find, replacement }) => ({ find: Buffer.from(find), replacement: Buffer.from(replacement) }))
    .sort((a, b) => b.find.length - a.find.length);
}

/** As MarkupSafe does it. */
function escapeMarkup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;');
}

function replaceAll(data: Buffer, patterns: readonly Pattern[]): Buffer {
  let replaced = data;
  for (const { find, replacement } of patterns) {
    const parts: Buffer[] = [];
    let from = 0;
    for (let at = replaced.indexOf(find); at !== -1; at = replaced.indexOf(find, from)) {
      parts.push(replaced.subarray(from, at), replacement);
      from = at + find.length;
    }
    if (from > 0) replaced = Buffer.concat([...parts, replaced.subarray(from)]);
  }
  return replaced;
}

/** How many bytes at the end of `data` could be the beginning of a pattern that the next chunk completes. */
function beginning(data: Buffer, patterns: readonly Pattern[], longest: number): number {
  for (let length = Math.min(longest - 1, data.length); length > 0; length -= 1) {
    const end = data.subarray(data.length - length);
    if (patterns.some(({ find }) => length < find.length && end.equals(find.subarray(0, length))))
      return length;
  }
  return 0;
}
