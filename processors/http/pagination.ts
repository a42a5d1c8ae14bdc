import { ExactNumber } from '../core/exact-json.js';
import { CellError, type Option } from '../core/processor.js';
import { linkBelow } from './place.js';

/** How the pages of a service follow each other. */
export interface Pagination {
  /** Member of an answer (`meta.next`) that holds the next page's URL, path or cursor. */
  readonly next: string | undefined;
  /** Query parameter that takes a cursor. */
  readonly cursor: string;
  /** Query parameter that counts pages. */
  readonly page: string | undefined;
}

export const PAGINATE: Option = { type: 'flag', help: 'fetch all pages, and join their lists' };
export const PAGE_OPTIONS: Readonly<Record<string, Option>> = {
  paginate: PAGINATE,
  next: {
    type: 'string',
    help: 'the field of an answer that contains the next page or its cursor, e.g. meta.next',
  },
  cursor: { type: 'string', help: 'the query parameter that takes that cursor; default cursor' },
  page: { type: 'string', help: 'the query parameter that counts pages, e.g. page' },
};

/** Where services put a link to the next page, for when the cell doesn't say. */
const USUAL = ['next', 'links.next', '_links.next.href', '@odata.nextLink', 'nextLink', 'paging.next'];

/** Members that hold the items of a page beside other lists. */
const USUAL_LISTS = ['items', 'data', 'results', 'values', 'value', 'records', 'entries', 'content'];

/** So many pages one cell fetches. */
export const MOST_PAGES = 1_000;

/** @returns undefined when the cell asks for one answer */
export function paginationOf(
  options: Readonly<Record<string, string | number | boolean>>,
): Pagination | undefined {
  const { paginate, next, cursor, page } = options;
  const text = (option: unknown) => (option === undefined ? undefined : String(option));
  if (paginate === undefined && next === undefined && page === undefined) return undefined;
  if (next !== undefined && page !== undefined) throw new CellError('Use one of --next and --page.');
  return { next: text(next), cursor: text(cursor) ?? 'cursor', page: text(page) };
}

/** The path to the list in a page's answer. @throws {CellError} when there is none */
export function pathToItems(answer: unknown): string[] {
  if (Array.isArray(answer)) return [];
  const lists = Object.entries(Object(answer)).flatMap(([key, value]) => (Array.isArray(value) ? [key] : []));
  const chosen = USUAL_LISTS.find((key) => lists.includes(key)) ?? lists[0];
  if (chosen !== undefined) return [chosen];
  throw new CellError('--paginate joins lists, but this answer contains none.');
}

/**
 * @param base of the connection: a link that leads out of it is not asked with its credentials (invariant S12)
 * @param url of the answer
 * @param links its Link header
 * @returns the URL of the page after this one; undefined when this is the last
 * @throws {CellError} for a link that leads elsewhere
 */
export function nextPage(
  { next, cursor, page }: Pagination,
  base: string,
  url: URL,
  links: string | undefined,
  json: unknown,
): URL | undefined {
  if (page !== undefined) {
    const items = at(json, pathToItems(json).join('.'));
    if (!Array.isArray(items) || items.length === 0) return undefined;
    return withParameter(url, page, String(Number(url.searchParams.get(page) ?? 1) + 1));
  }
  if (next === undefined) {
    const link = nextLink(links ?? '') ?? USUAL.map((path) => at(json, path)).find(isLink);
    return link === undefined ? undefined : followed(base, String(link), url);
  }
  const value = at(json, next);
  if (value === undefined || value === null || value === '' || value === false) return undefined;
  if (isLink(value)) return followed(base, String(value), url);
  if (value instanceof ExactNumber) return withParameter(url, cursor, value.text);
  if (typeof value === 'object') throw new CellError(`--next ${next} is neither a link nor a cursor.`);
  return withParameter(url, cursor, String(value));
}

/** One link's target, or one of the parameters behind it: each is read once, from where the one before ended. */
const LINK = /<([^<>]*)>/y;
const PARAMETER = /\s*;\s*([^\s=;,"<]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?/y;

/** Source: RFC 8288 section 3. @returns the target of rel="next" */
export function nextLink(header: string): string | undefined {
  for (let at = header.indexOf('<'); at !== -1; at = header.indexOf('<', at)) {
    LINK.lastIndex = at;
    const target = LINK.exec(header)?.[1];
    at += 1;
    if (target === undefined) continue;
    PARAMETER.lastIndex = LINK.lastIndex;
    for (;;) {
      const parameter = PARAMETER.exec(header);
      if (parameter === null) break;
      at = PARAMETER.lastIndex;
      const [, name = '', quoted, plain = ''] = parameter;
      if (name.toLowerCase() !== 'rel') continue;
      if ((quoted ?? plain).toLowerCase().split(/\s+/).includes('next')) return target;
    }
    at = Math.max(at, LINK.lastIndex);
  }
  return undefined;
}

function followed(base: string, link: string, from: URL): URL {
  const url = linkBelow(base, link, from);
  if (url !== undefined) return url;
  throw new CellError(
    "The next page is outside the connection's url. The gateway sends no credentials there.",
  );
}

function isLink(value: unknown): boolean {
  return typeof value === 'string' && /^(?:https?:\/\/|\/|\?)/i.test(value);
}

/** @param path keys with dots between them; a key that has dots itself (`@odata.nextLink`) is tried first */
function at(json: unknown, path: string): unknown {
  const object = Object(json) as Readonly<Record<string, unknown>>;
  if (path === '') return json;
  if (Object.hasOwn(object, path)) return object[path];
  return path
    .split('.')
    .reduce<unknown>(
      (value, key) => (Object.hasOwn(Object(value), key) ? Object(value)[key] : undefined),
      json,
    );
}

function withParameter(url: URL, name: string, value: string): URL {
  const next = new URL(url);
  next.searchParams.set(name, value);
  return next;
}
