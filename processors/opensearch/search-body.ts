import { exactJson, parseExactJson } from '../core/exact-json.js';
import { CellError } from '../core/processor.js';
import { renderSearch, type SearchSyntax } from '../core/search-text.js';
import { jsonOf } from '../core/value.js';
import { cut, type Reference, type Template, textOf, type Values } from '../http/template.js';

/** Source: https://lucene.apache.org/core/9_12_0/queryparser/org/apache/lucene/queryparser/classic/package-summary.html (escaping) */
export const LUCENE: SearchSyntax = {
  name: 'Lucene',
  special: /[-+=&|!(){}[\]^"~*?:\\/\s]/g,
  // Lucene reads these as a range wherever they are.
  unescapable: /[<>]/,
  hasPatterns: true,
};

type Body = Record<string, unknown>;

/** In the place of a reference while JSON is read: what a kernel's value can't be, as it comes later. */
const MARK = /[\u0000\u0001](\d+)[\u0000\u0001]/g;
const MARKED = /[\u0000\u0001]/;
/** Where it isn't in quotes: there a number stays one, and a list too. */
const WHOLE = /^\u0001(\d+)\u0001$/;
/** Members whose texts are programs, or another language. */
const PROGRAMS = new Set(['script', 'script_fields', 'runtime_mappings', 'simple_query_string']);

/**
 * A JSON search body with its values: each by the rules of its place (invariant S11). In a `query_string` that is
 * Lucene, else JSON.
 *
 * @throws {CellError} for a body that isn't an object of JSON, or a value that can't stand where the reference is
 */
export function renderSearchBody(body: string, values: Values, raw: boolean): Body {
  const template = cut(body, raw);
  const references = template.filter((piece): piece is Reference => typeof piece !== 'string');
  const json = parsed(marked(template));
  const reference = (mark: string) => references[Number(mark)];
  const filled = (node: unknown, path: readonly string[]): unknown => {
    if (typeof node === 'string') return textAt(node, path, reference, values);
    if (Array.isArray(node)) return node.map((each) => filled(each, path));
    if (typeof node !== 'object' || node === null || Object.getPrototypeOf(node) !== Object.prototype)
      return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, each]) => [
        plain(key, reference, values),
        filled(each, [...path, key]),
      ]),
    );
  };
  return filled(json, []) as Body;
}

/** @returns the body as text, with all digits of its numbers */
export function writtenBody(body: Body): string {
  return exactJson(body);
}

/** References become marks: in a text as they are, elsewhere as a text of their own. */
function marked(template: Template): string {
  let result = '';
  let inString = false;
  let isEscaped = false;
  let count = 0;
  for (const piece of template) {
    if (typeof piece !== 'string') {
      result += inString ? `\\u0000${count}\\u0000` : `"\\u0001${count}\\u0001"`;
      count += 1;
      isEscaped = false;
      continue;
    }
    for (const character of piece) {
      if (isEscaped) isEscaped = false;
      else if (character === '\\') isEscaped = inString;
      else if (character === '"') inString = !inString;
    }
    result += piece;
  }
  return result;
}

function parsed(text: string): unknown {
  let json: unknown;
  try {
    json = parseExactJson(text);
  } catch (cause) {
    throw new CellError('The search body is not valid JSON. Lucene queries do not begin with a brace.', {
      cause,
    });
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  throw new CellError('The search body has to be a JSON object, e.g. {"query": {"match_all": {}}}.');
}

type Named = (mark: string) => Reference | undefined;

function textAt(text: string, path: readonly string[], named: Named, values: Values): unknown {
  if (!MARKED.test(text)) return text;
  const program = path.find((key) => PROGRAMS.has(key));
  // A script's parameters are values, not part of its program.
  if (program !== undefined && !path.includes('params'))
    throw new CellError(
      program === 'simple_query_string'
        ? 'A reference can’t be used in a simple_query_string. Use query_string or match.'
        : `A reference can’t be used in ${program}. Put the value into its params.`,
    );
  if (path.includes('query_string')) return lucene(text, named, values);
  const [, mark] = WHOLE.exec(text) ?? [];
  const whole = mark === undefined ? undefined : named(mark);
  if (whole === undefined) return plain(text, named, values);
  const value = values.get(whole.reference);
  if (value === undefined) throw new CellError(`{{${whole.reference}}} has no value.`);
  return value.type === 'text' ? value.value : parseExactJson(jsonOf(value));
}

function plain(text: string, named: Named, values: Values): string {
  return text.replace(MARK, (whole, mark: string) => {
    const reference = named(mark);
    return reference === undefined ? whole : textOf(reference, values);
  });
}

function lucene(text: string, named: Named, values: Values): string {
  const query = text.replaceAll('{{', '\\{{').replace(MARK, (whole, mark: string) => {
    const reference = named(mark);
    return reference === undefined ? whole : `{{${reference.reference}}}`;
  });
  return renderSearch(query, values, LUCENE);
}
