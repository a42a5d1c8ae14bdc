import { linkOf } from '../core/link.js';
import type { TimeRange } from '../core/time-range.js';
import type { Json } from '../core/value.js';
import type { AwsConnection } from './settings.js';

/** Longer addresses are cut by browsers and proxies on the way. */
const LONGEST = 2_000;

/**
 * A link to the same query in AWS's console. None for a private endpoint.
 * Source: what the console itself writes into its address; its documentation has nothing about it.
 */
export function insightsLink(
  { url, region = '' }: AwsConnection,
  {
    query,
    groups,
    range,
  }: { readonly query: string; readonly groups: readonly string[]; readonly range: TimeRange },
): Readonly<Record<string, Json>>[] {
  if (url !== undefined) return [];
  const detail = consoleValue({
    end: new Date(range.end).toISOString(),
    start: new Date(range.start).toISOString(),
    timeType: 'ABSOLUTE',
    tz: 'UTC',
    editorString: query,
    source: groups,
  });
  // Encoded twice, and the percent sign written as a dollar.
  const fragment = encodeURIComponent(`?queryDetail=${escaped(detail)}`).replaceAll('%', '$');
  const host = region.startsWith('cn-') ? 'console.amazonaws.cn' : 'console.aws.amazon.com';
  const address = `https://${region}.${host}/cloudwatch/home?region=${region}#logsV2:logs-insights${fragment}`;
  return address.length > LONGEST ? [] : [linkOf(address, 'Open in CloudWatch Logs Insights')];
}

/** `~(end~'2026…~source~(~'a~'b))`: texts begin with a quote, and have an asterisk for a percent sign. */
function consoleValue(value: unknown): string {
  if (Array.isArray(value)) return `~(${value.map(consoleValue).join('')})`;
  if (typeof value === 'object' && value !== null)
    return `~(${Object.entries(value)
      .map(([name, each]) => `${name}${consoleValue(each)}`)
      .join('~')})`;
  return `~'${escapedText(String(value))}`;
}

function escapedText(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%', '*');
}

/** What is left of marks: `~`, `(`, `)` and `'`. */
function escaped(text: string): string {
  return text.replace(/[~()']/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
