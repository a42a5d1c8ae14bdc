import { unescape as percentDecode } from 'node:querystring';

/**
 * A value as programs print it without anybody's doing: raw, as JSON (twice nested too, with and without non-ASCII
 * escapes), as Python's repr writes it into error messages, either within another one, as HTML tables have it, as
 * shells quote it, and as URLs hold it: services quote the URL that a cell asked.
 * Characters of {@link PLAIN_RUN} stay as they are in all of these.
 */
export function formsOf(value: string): string[] {
  const json = [jsonEscape(value), asciiEscape(jsonEscape(value))];
  const repr = ["'", '"'].flatMap((quote) => [pythonRepr(value, quote), bytesRepr(value, quote)]);
  // `KeyError(f"no {value!r}")` and a debugger's view of it: Python's repr around either.
  const within = (form: string) => [jsonEscape(form), pythonRepr(form, "'"), pythonRepr(form, '"')];
  const nested = [...json, ...repr].flatMap(within);
  // pandas writes line breaks and tabs as Python does, and nothing else.
  const cell = value.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  const html = [value, cell, ...json].flatMap(htmlForms);
  // bash's xtrace, and Python's shlex.quote.
  const shell = [value.replaceAll("'", "'\\''"), value.replaceAll("'", `'"'"'`)];
  return [...new Set([value, cell, ...json, ...repr, ...nested, ...html, ...shell, ...urlForms(value)])];
}

/** Characters that none of the forms writes differently. */
export const PLAIN_RUN = /[A-Za-z0-9_.-]+/g;

/** Python's html.escape with and without quotes, and what JavaScript libraries write for an apostrophe. */
function htmlForms(text: string): string[] {
  const html = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const quoted = html.replaceAll('"', '&quot;');
  return [html, quoted.replaceAll("'", '&#x27;'), quoted.replaceAll("'", '&#39;')];
}

/** RFC 3986 section 2.3 alone unescaped (Python's quote), JavaScript's encodeURIComponent, and an HTML form. */
function urlForms(value: string): string[] {
  const strict = [...Buffer.from(value)].map((byte) => UNESCAPED[byte]).join('');
  const component = strict.replace(/%(?:21|27|28|29|2A)/g, (escaped) => percentDecode(escaped));
  return [strict, component, new URLSearchParams({ '': value }).toString().slice(1)];
}

const UNESCAPED = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9_.~-]/.test(character)
    ? character
    : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
});

function jsonEscape(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

function asciiEscape(text: string): string {
  return text.replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Source: CPython's unicode_repr; printable non-ASCII stays as it is. */
function pythonRepr(value: string, quote: string): string {
  const named: Record<string, string> = {
    '\\': '\\\\',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    [quote]: `\\${quote}`,
  };
  return value.replace(
    /[\u0000-\u001f\u007f-\u00a0\u00ad\\'"]/g,
    (c) => named[c] ?? (c < ' ' || c > '~' ? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}` : c),
  );
}

/** Source: CPython's bytes_repr, of the value in UTF-8. */
function bytesRepr(value: string, quote: string): string {
  return pythonRepr(Buffer.from(value).toString('latin1'), quote).replace(
    /[\u0080-\u00ff]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16)}`,
  );
}
