import { z } from 'zod';
import type { Secret } from '../core/secret.js';
import { credential, httpUrl, text, tlsFields } from '../core/settings.js';
import type { Place } from '../http/dispatcher.js';

const SITE = /^[a-z\d-]+(?:\.[a-z\d-]+)+$/i;
const DEFAULT_SITE = 'datadoghq.com';

/** Names as Datadog's own clients have them; sites: https://docs.datadoghq.com/getting_started/site/ */
export const settings = z.strictObject({
  site: text(
    (site) => SITE.test(site),
    'it has to be a site such as datadoghq.eu, without https:// and path',
  ).optional(),
  url: httpUrl().optional(),
  api_key: credential(),
  app_key: credential(),
  ...tlsFields,
});
export type DatadogSettings = z.infer<typeof settings>;

/** Where the API of a site is. */
export function placeOf({ site = DEFAULT_SITE, url, ca_file, cert_file, key_file }: DatadogSettings): Place {
  return { url: url ?? `https://api.${site}`, ca_file, cert_file, key_file };
}

/** The two keys: https://docs.datadoghq.com/api/latest/authentication/ */
export function keysOf({ api_key, app_key }: DatadogSettings): Readonly<Record<string, Secret>> {
  return { 'dd-api-key': api_key, 'dd-application-key': app_key };
}

/** Of messages: where the keys were tried. */
export function siteOf({ site = DEFAULT_SITE, url }: DatadogSettings): string {
  return url === undefined ? site : new URL(url).host;
}

/**
 * Where the site's pages are. Two-part sites have them below `app`, the others on the site itself.
 * @returns undefined for an endpoint whose site isn't known
 */
export function pagesOf({ site, url }: DatadogSettings): string | undefined {
  if (site === undefined && url !== undefined) return undefined;
  const host = site ?? DEFAULT_SITE;
  return `https://${host.split('.').length === 2 ? 'app.' : ''}${host}`;
}
