/** The mark of a text in a query of Logs Insights, and its end. */
const QUOTES = new Set(['"', "'", '`']);

/** What works on each event by itself: the same query over parts of the time gives the parts of the result. */
const BY_EVENT = new Set(['fields', 'display', 'filter', 'filterindex', 'parse', 'unmask', 'unnest', 'sort']);

export interface QueryShape {
  /** The query says how many rows it wants. */
  readonly hasLimit: boolean;
  /** The order of events; undefined where parts of the time can't be put together again. */
  readonly order: 'newest first' | 'oldest first' | undefined;
}

/** What a query's commands say about a result that is cut. */
export function shapeOf(query: string): QueryShape {
  const commands = withoutTexts(query)
    .split('|')
    .map((command) => command.trim().toLowerCase().replace(/\s+/g, ' '))
    .filter((command) => command !== '');
  const names = commands.map((command) => command.split(' ', 1)[0] ?? '');
  const sorts = commands.filter((command) => /^sort\b/.test(command));
  const isByTime = sorts.every((sort) => /^sort @timestamp(?: asc| desc)?$/.test(sort));
  const isByEvent = names.every((name) => BY_EVENT.has(name)) && isByTime;
  const isAscending = /^sort @timestamp asc$/.test(sorts.at(-1) ?? '');
  return {
    hasLimit: names.includes('limit') || names.includes('head'),
    order: isByEvent ? (isAscending ? 'oldest first' : 'newest first') : undefined,
  };
}

/** Texts, regular expressions after `like` and `parse`, and comments are taken out: they may contain anything. */
function withoutTexts(query: string): string {
  let result = '';
  let end: string | undefined;
  for (let at = 0; at < query.length; at++) {
    const character = query[at] ?? '';
    if (end !== undefined) {
      if (character === '\\' && end !== '\n') at += 1;
      else if (character === end) {
        end = undefined;
        result += ' ';
      }
    } else if (QUOTES.has(character)) end = character;
    else if (character === '#') end = '\n';
    else if (
      character === '/' &&
      /(?:\blike|=~|[(,]|\bparse\s{1,5}\S{1,30})$/i.test(result.slice(-40).trimEnd())
    )
      end = '/';
    else result += character;
  }
  return result;
}
