import { createHash, createHmac } from 'node:crypto';
import type { Asked } from '../processors/rest-server.js';

/** Who signed a request, as its Authorization header says. */
export interface Signer {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

/**
 * Checks a request's Signature Version 4 as AWS does: written from its description of the algorithm, so that it shares
 * nothing with the library that signs.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
 *
 * @param secretOf the secret access key of an access key's id; undefined for an unknown one
 * @returns undefined for a request that AWS would refuse
 */
export function signerOf(
  { method, url, headers, body }: Asked,
  secretOf: (accessKeyId: string) => string | undefined,
): Signer | undefined {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    );
  if (match === null) return undefined;
  const [, accessKeyId = '', day = '', region = '', service = '', names = '', signature = ''] = match;
  const secret = secretOf(accessKeyId);
  const time = String(headers['x-amz-date']);
  const signedNames = names.split(';');
  if (secret === undefined || !time.startsWith(day) || !signedNames.includes('host')) return undefined;
  if (headers['x-amz-security-token'] !== undefined && !signedNames.includes('x-amz-security-token'))
    return undefined;
  const [path = '', query = ''] = url.split('?');
  const canonical = [
    method,
    path.split('/').map(encoded).join('/'),
    query
      .split('&')
      .filter((pair) => pair !== '')
      .map((pair) => {
        const at = pair.indexOf('=');
        // As it comes: a plus is a plus.
        return [pair.slice(0, at), pair.slice(at + 1)]
          .map((part) => encoded(decodeURIComponent(part)))
          .join('=');
      })
      .sort()
      .join('&'),
    ...signedNames.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}`),
    '',
    names,
    createHash('sha256').update(body).digest('hex'),
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(canonical).digest('hex')].join(
    '\n',
  );
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(
    (each, part) => createHmac('sha256', each).update(part).digest(),
    `AWS4${secret}`,
  );
  const expected = createHmac('sha256', key).update(text).digest('hex');
  return expected === signature ? { accessKeyId, region, service } : undefined;
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
