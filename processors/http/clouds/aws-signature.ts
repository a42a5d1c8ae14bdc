import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import type { Closable } from '../../core/resources.js';
import type { HttpRequest } from '../send.js';
import type { AwsKeys } from './aws-keys.js';

/** For whom a signature is: AWS's own names, e.g. `logs` and `eu-west-1`. */
export interface SigningScope {
  readonly service: string;
  readonly region: string;
}

/**
 * A request with AWS's Signature Version 4. It is valid for some minutes, so a retry may send it again.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */
export async function signed(
  request: HttpRequest,
  keys: AwsKeys,
  { service, region }: SigningScope,
): Promise<HttpRequest> {
  const { SignatureV4 } = await request.resources.of(Signing).library();
  const url = new URL(request.url);
  // AWS reads a plus as itself.
  url.search = url.search.replaceAll('+', '%20');
  const query: Record<string, string[]> = {};
  for (const [name, value] of url.searchParams) query[name] = [...(query[name] ?? []), value];
  const signature = new SignatureV4({
    service,
    region,
    credentials: {
      accessKeyId: keys.accessKeyId,
      secretAccessKey: keys.secretAccessKey.reveal(),
      ...(keys.sessionToken && { sessionToken: keys.sessionToken.reveal() }),
    },
    sha256: Sha256,
  });
  const { headers } = await signature.sign({
    method: request.method,
    protocol: url.protocol,
    hostname: url.hostname,
    // Each segment is encoded once more there, as AWS does it.
    path: url.pathname,
    query,
    headers: { ...request.headers, host: url.host },
    ...(request.body !== undefined && { body: request.body }),
  });
  const { host: _, ...others } = headers;
  return { ...request, url, headers: others };
}

type Library = typeof import('@smithy/signature-v4');

/** The library, loaded at its first use. It remembers keys that it derived from credentials. */
class Signing implements Closable {
  #library: Promise<Library> | undefined;

  library(): Promise<Library> {
    this.#library ??= import('@smithy/signature-v4');
    return this.#library;
  }

  close(): void {
    this.#library?.then(({ clearCredentialCache }) => clearCredentialCache()).catch(() => {});
  }
}

/** As the library wants it: without a key a hash, with one an HMAC. */
class Sha256 {
  readonly #start: () => Hash | Hmac;
  #hash: Hash | Hmac;

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#start = () => (key === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(key)));
    this.#hash = this.#start();
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest());
  }

  reset(): void {
    this.#hash = this.#start();
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
