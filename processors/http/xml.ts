import { CellError } from '../core/cell-error.js';

/** An element of an XML text. */
export interface Element {
  readonly name: string;
  readonly children: readonly Element[];
  /** Its text, without that of its children. */
  readonly text: string;
}

interface Open {
  readonly name: string;
  readonly children: Element[];
  text: string;
}

/** As deep as JSON may be. */
const DEEPEST = 500;

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** What begins with `<` and is no tag, and what ends it. */
const OTHERS = [
  ['<!--', '-->'],
  ['<?', '?>'],
] as const;

/**
 * Reads the XML that AWS's older services answer with: elements, text and character references. Attributes are left
 * out, and there are no document types: what isn't such a text is refused, and nothing outside of it is ever read.
 * Source: https://www.w3.org/TR/xml/
 *
 * @returns undefined for a text that isn't such XML
 * @throws {CellError} for one that nests too deep
 */
export function parseXml(text: string): Element | undefined {
  const root: Open = { name: '', children: [], text: '' };
  const open: Open[] = [root];
  for (let at = 0; at < text.length; ) {
    const top = open.at(-1) ?? root;
    if (text[at] !== '<') {
      const next = text.indexOf('<', at);
      const end = next < 0 ? text.length : next;
      top.text += withoutReferences(text.slice(at, end));
      at = end;
      continue;
    }
    if (text.startsWith('<![CDATA[', at)) {
      const end = text.indexOf(']]>', at);
      if (end < 0) return undefined;
      top.text += text.slice(at + 9, end);
      at = end + 3;
      continue;
    }
    const other = OTHERS.find(([start]) => text.startsWith(start, at));
    const end = text.indexOf(other?.[1] ?? '>', at);
    if (end < 0 || (other === undefined && text[at + 1] === '!')) return undefined;
    if (other === undefined && !tag(text.slice(at + 1, end), open)) return undefined;
    at = end + (other?.[1].length ?? 1);
  }
  return open.length === 1 && root.children.length === 1 ? root.children[0] : undefined;
}

/** @returns false for a tag that can't be there */
function tag(content: string, open: Open[]): boolean {
  const top = open.at(-1);
  if (top === undefined) return false;
  if (content.startsWith('/')) {
    if (top.name !== content.slice(1).trim() || open.length === 1) return false;
    open.pop();
    open.at(-1)?.children.push(top);
    return true;
  }
  const isEmpty = content.endsWith('/');
  const [name = ''] = (isEmpty ? content.slice(0, -1) : content).split(/\s/, 1);
  if (!/^[\p{L}_][\p{L}\p{N}_:.-]*$/u.test(name)) return false;
  if (open.length > DEEPEST) throw new CellError(`The answer nests deeper than ${DEEPEST} levels.`);
  const element: Open = { name, children: [], text: '' };
  if (isEmpty) top.children.push(element);
  else open.push(element);
  return true;
}

function withoutReferences(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|([a-z]{2,4}));/g, (whole, hex, decimal, name) => {
    if (name !== undefined) return entities[String(name)] ?? whole;
    const code = hex !== undefined ? Number.parseInt(String(hex), 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** The first element below another, down a path of names. */
export function elementAt(element: Element | undefined, ...path: readonly string[]): Element | undefined {
  return path.reduce<Element | undefined>(
    (each, name) => each?.children.find((child) => child.name === name),
    element,
  );
}
