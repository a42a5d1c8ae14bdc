import { unescape as percentDecode } from 'node:querystring';

/**
 * A value as programs print it by themselves: raw, as JSON (twice nested too, with and without non-ASCII
 * escapes), as Python's repr writes it into error messages, either within another one, as HTML tables have it, as
 * shells quote it, as CSV, SQL and YAML double quotes, and as URLs hold it: services quote the URL that a cell asked.
 * The ways that need no list are those of `escapes.ts`; these are known while they come in pieces, too.
 * Characters of {@link PLAIN_RUN} stay as they are in all of these.
 */
export function formsOf(value: string): string[] {
  const json = [jsonEscape(value), asciiEscape(jsonEscape(value))];
  const repr = ["'", '"'].flatMap((quote) => {
    const printed = pythonRepr(value, quote);
    return [printed, pythonAscii(printed), bytesRepr(value, quote)];
  });
  // `KeyError(f"no {value!r}")` and a debugger's view of it: Python's repr around either.
  const within = (form: string) => [jsonEscape(form), pythonRepr(form, "'"), pythonRepr(form, '"')];
  const nested = [...json, ...repr].flatMap(within);
  // pandas writes line breaks and tabs as Python does, and nothing else.
  const cell = value.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  const html = [value, cell, ...json].flatMap(htmlForms);
  const quoted = [value.replaceAll('"', '""'), value.replaceAll("'", "''")];
  const all = [value, cell, ...json, ...repr, ...nested, ...html, ...quoted, ...shellForms(value)];
  return [...new Set([...all, ...urlForms(value)])];
}

/**
 * bash's xtrace, Python's shlex.quote, `declare -p`, and the two ways of `printf %q`.
 * Source: https://www.gnu.org/software/bash/manual/bash.html#Shell-Builtin-Commands, and its lib/sh/shquote.c
 */
function shellForms(value: string): string[] {
  const ansi = value.replace(/[\u0000-\u001f\u007f\\']/g, (c) => ANSI_C[c] ?? octal(c.charCodeAt(0)));
  return [
    value.replaceAll("'", "'\\''"),
    value.replaceAll("'", `'"'"'`),
    value.replace(/["\\$`]/g, '\\$&'),
    value.replace(/[^\w@%+=:,./\u0080-\uffff-]/g, '\\$&'),
    ansi,
    [...Buffer.from(ansi)].map((byte) => (byte > 0x7f ? octal(byte) : String.fromCharCode(byte))).join(''),
  ];
}

const ANSI_C: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\u001b': '\\E',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  "'": "\\'",
};

function octal(byte: number): string {
  return `\\${byte.toString(8).padStart(3, '0')}`;
}

/** Characters that none of the forms writes differently. */
export const PLAIN_RUN = /[A-Za-z0-9_.-]+/g;

/** Python's html.escape with and without quotes, MarkupSafe's, and what JavaScript and XML libraries write. */
function htmlForms(text: string): string[] {
  const html = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const quoted = html.replaceAll('"', '&quot;');
  const numbered = html.replaceAll('"', '&#34;').replaceAll("'", '&#39;');
  return [
    html,
    ...['&#x27;', '&#39;', '&apos;'].map((apostrophe) => quoted.replaceAll("'", apostrophe)),
    numbered,
  ];
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

/** What ascii() makes of a repr: YAML libraries write the same within double quotes. */
function pythonAscii(printed: string): string {
  return printed.replace(/[\u0080-\u{10ffff}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const [letter, digits] = code < 0x100 ? ['x', 2] : code < 0x10000 ? ['u', 4] : ['U', 8];
    return `\\${letter}${code.toString(16).padStart(digits, '0')}`;
  });
}

/** Source: CPython's bytes_repr, of the value in UTF-8. */
function bytesRepr(value: string, quote: string): string {
  return pythonRepr(Buffer.from(value).toString('latin1'), quote).replace(
    /[\u0080-\u00ff]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16)}`,
  );
}
