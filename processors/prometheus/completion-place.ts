/** What could stand at a place of a PromQL query. */
export type PromqlPlace =
  | { readonly kind: 'metric'; readonly from: number; readonly typed: string }
  /** A label's name, of the metric where one is known. */
  | { readonly kind: 'label'; readonly from: number; readonly typed: string; readonly metric?: string }
  | {
      readonly kind: 'value';
      readonly from: number;
      readonly typed: string;
      readonly label: string;
      readonly quote: string;
      readonly metric?: string;
    };

const NAME_AT_END = /[A-Za-z_:][\w:]*$/;
/** Source: https://prometheus.io/docs/prometheus/latest/querying/operators/ (aggregation, vector matching) */
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*$/i;

/** Source: https://prometheus.io/docs/prometheus/latest/querying/functions/ and …/operators/#aggregation-operators */
export const PROMQL_FUNCTIONS: readonly string[] =
  `abs absent absent_over_time avg avg_over_time bottomk ceil changes clamp clamp_max clamp_min count count_over_time
   count_values day_of_month day_of_week days_in_month delta deriv exp floor group histogram_quantile hour idelta
   increase irate label_join label_replace last_over_time ln log10 log2 max max_over_time min min_over_time minute
   month predict_linear present_over_time quantile quantile_over_time rate resets round scalar sgn sort sort_desc sqrt
   stddev stddev_over_time stdvar stdvar_over_time sum sum_over_time time timestamp topk vector year`.split(
    /\s+/,
  );

/** Characters before the cursor that are looked at. */
const REACH = 500;

/**
 * Reads a query up to the cursor, however unfinished it is.
 * @returns undefined where nothing that is known could stand: in a duration, a comment, a text outside of a matcher
 */
export function promqlPlace(query: string, cursor: number): PromqlPlace | undefined {
  let quote = '';
  let quotedFrom = 0;
  let brace: number | undefined;
  let bracket = false;
  for (let at = 0; at < cursor; at += 1) {
    const character = query[at] ?? '';
    if (quote !== '') {
      if (character === '\\' && quote !== '`') at += 1;
      else if (character === quote) quote = '';
    } else if (/["'`]/.test(character)) {
      quote = character;
      quotedFrom = at + 1;
    } else if (character === '#') {
      const end = query.indexOf('\n', at);
      if (end < 0 || end >= cursor) return undefined;
      at = end;
    } else if (character === '{') brace = at;
    else if (character === '}') brace = undefined;
    else if (character === '[') bracket = true;
    else if (character === ']') bracket = false;
  }
  // Text far before the cursor does not matter, and a pattern would begin at each character of it.
  const until = (end: number) => query.slice(Math.max(0, end - REACH), end);
  const before = until(cursor);
  const named = brace === undefined ? undefined : NAME_AT_END.exec(until(brace).trimEnd())?.[0];
  const metric = named === undefined ? {} : { metric: named };
  if (quote !== '') {
    const label = /([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)\s*["'`]$/.exec(until(quotedFrom))?.[1];
    if (brace === undefined || label === undefined) return undefined;
    const typed = query.slice(quotedFrom, cursor);
    return { kind: 'value', from: quotedFrom, typed, label, quote, ...metric };
  }
  if (bracket) return undefined;
  const typed = /[A-Za-z_:][\w:]*$/.exec(before)?.[0] ?? '';
  const from = cursor - typed.length;
  if (/\d$/.test(until(from))) return undefined;
  if (brace !== undefined) {
    const starts = /[{,]\s*$/.test(until(from));
    return starts ? { kind: 'label', from, typed, ...metric } : undefined;
  }
  return { kind: GROUPING.test(before) ? 'label' : 'metric', from, typed };
}
