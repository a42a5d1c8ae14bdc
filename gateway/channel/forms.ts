/**
 * A value as code prints it: raw, as JSON (twice nested too, with and without non-ASCII escapes), and as
 * Python's repr writes it into error messages.
 */
export function formsOf(value: string): string[] {
  const json = [jsonEscape(value), asciiEscape(jsonEscape(value))];
  const repr = [pythonRepr(value, "'"), pythonRepr(value, '"')];
  const nested = [...json, ...repr].map(jsonEscape);
  return [...new Set([value, ...json, ...repr, ...nested])];
}

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
