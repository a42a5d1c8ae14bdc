import { distance } from 'fastest-levenshtein';

/** Words that a list of labels follows: https://prometheus.io/docs/prometheus/latest/querying/operators/ */
const BEFORE_LABELS = /^(?:by|without|on|ignoring|group_left|group_right)$/i;
const WORDS = /^(?:and|or|unless|bool|offset|atan2|start|end|inf|nan)$/i;
const NAME = /[A-Za-z_:][\w:.]*/y;
const NUMBER = /\d[\w.]*/y;
const MOST_LIKE = 3;
/** A longer name is no metric's, and takes long to compare. */
const LONGEST = 200;

/** The metrics that a query names, `{__name__="up"}` too. Takes a time that grows with the query's length alone. */
export function metricsIn(query: string): string[] {
  const found = new Set<string>();
  let inLabels = false;
  let word = '';
  for (let at = 0; at < query.length; ) {
    const character = query[at] ?? '';
    if (/["'`]/.test(character)) {
      const end = endOfString(query, at);
      if (inLabels && word === '__name__=') found.add(query.slice(at + 1, end - 1));
      word = '';
      at = end;
    } else if (character === '#') {
      const end = query.indexOf('\n', at);
      at = end < 0 ? query.length : end;
    } else if (character === '[') {
      const end = query.indexOf(']', at);
      at = end < 0 ? query.length : end + 1;
    } else if (/[A-Za-z_:]/.test(character)) {
      NAME.lastIndex = at;
      word = NAME.exec(query)?.[0] ?? character;
      at += word.length;
      const isCall = /^\s*(?:\(|(?:by|without)\b)/i.test(query.slice(at, at + 50));
      if (!inLabels && !isCall && !WORDS.test(word) && !BEFORE_LABELS.test(word)) found.add(word);
    } else if (/\d/.test(character)) {
      NUMBER.lastIndex = at;
      at += NUMBER.exec(query)?.[0].length ?? 1;
    } else {
      if (character === '{' || (character === '(' && BEFORE_LABELS.test(word))) inLabels = true;
      else if (character === '}' || character === ')') inLabels = false;
      if (character === '=' && word === '__name__') word = '__name__=';
      else if (!/\s/.test(character)) word = '';
      at += 1;
    }
  }
  return [...found];
}

/** Names that may have been meant, the likeliest first. */
export function namesLike(name: string, known: readonly string[]): string[] {
  if (name.length > LONGEST) return [];
  const far = Math.max(2, name.length / 4);
  return known
    .filter((each) => each.length <= LONGEST)
    .map((each) => [each, distance(name, each)] as const)
    .filter(([each, letters]) => letters <= far || isPart(name, each) || isPart(each, name))
    .sort(([, a], [, b]) => a - b)
    .slice(0, MOST_LIKE)
    .map(([each]) => each);
}

function isPart(part: string, whole: string): boolean {
  return part.length > 2 && whole.includes(part);
}

function endOfString(query: string, from: number): number {
  const quote = query[from];
  let at = from + 1;
  for (; at < query.length && query[at] !== quote; at++) if (query[at] === '\\' && quote !== '`') at += 1;
  return Math.min(at + 1, query.length);
}
