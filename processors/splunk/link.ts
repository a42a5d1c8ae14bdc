import type { Json } from '../core/value.js';
import type { SplunkSettings } from './requests.js';

/** Longer addresses are cut by browsers and proxies on the way. */
const LONGEST = 2_000;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * A link that opens the same search in Splunk's own page. Its address is a setting: the API has another one.
 * Source: https://docs.splunk.com/Documentation/Splunk/latest/Viz/Linkingtosearches
 *
 * @returns MIME bundles to show; none where the address isn't known
 */
export function linkTo(
  { web_url }: SplunkSettings,
  { spl, earliest, latest }: { readonly spl: string; readonly earliest: string; readonly latest: string },
): Readonly<Record<string, Json>>[] {
  if (web_url === undefined) return [];
  const query = new URLSearchParams({ q: spl, earliest, latest });
  const url = `${web_url.replace(/\/$/, '')}/app/search/search?${query}`;
  if (url.length > LONGEST) return [];
  const escaped = url.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
  return [
    {
      'text/html': `<a href="${escaped}" target="_blank" rel="noopener noreferrer">Open in Splunk</a>`,
      'text/plain': `In Splunk: ${url}`,
    },
  ];
}
