import { z } from 'zod';
import type { Limits } from '../core/processor.js';
import { Secret } from '../core/secret.js';
import { credential, httpUrl, text, tlsFields } from '../core/settings.js';
import type { ServiceSettings } from '../http/service.js';

export const settings = z
  .strictObject({
    url: httpUrl(),
    username: text().optional(),
    password: credential().optional(),
    api_key: credential().optional(),
    token: credential().optional(),
    ...tlsFields,
  })
  .superRefine((given, context) => {
    const ways = (['username', 'api_key', 'token'] as const).filter((field) => given[field] !== undefined);
    const problem = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (ways.length > 1) problem(ways[1] ?? '', `${ways[0]} is set already: set only one of them`);
    if (given.password !== undefined && given.username === undefined) problem('username', 'missing');
  });
export type OpenSearchSettings = z.infer<typeof settings>;

/**
 * An API key is a pair `id:key`, or that in base64.
 * Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-security-create-api-key
 *
 * @param hide takes what is sent in its place out of answers
 */
export function serviceOf({ api_key, ...others }: OpenSearchSettings, hide: Limits['hide']): ServiceSettings {
  if (api_key === undefined) return others;
  const key = api_key.reveal();
  const encoded = new Secret(key.includes(':') ? Buffer.from(key).toString('base64') : key);
  hide(encoded);
  return { ...others, api_key: new Secret(`ApiKey ${encoded.reveal()}`), api_key_header: 'authorization' };
}
