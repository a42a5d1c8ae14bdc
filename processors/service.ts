import { lookup } from 'node:dns';
import { readFileSync } from 'node:fs';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { CellError } from './processor.js';
import type { Secret } from './secret.js';

/** Where a service is and how the gateway proves to it who it is: the common part of HTTP connections. */
export interface ServiceSettings {
  readonly url: string;
  readonly token?: Secret | undefined;
  readonly username?: string | undefined;
  readonly password?: Secret | undefined;
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
}

export interface ServiceRequest {
  readonly method: 'GET' | 'POST';
  /** Below the connection's URL, e.g. `api/v1/query`. */
  readonly path: string;
  /** Sent as a form by POST, as a query by GET. */
  readonly parameters?: URLSearchParams;
  /** Sent by POST in place of parameters. */
  readonly json?: object;
  /** Media types that are wanted; default JSON. */
  readonly accept?: string;
  readonly signal: AbortSignal;
  /** The largest answer that is wanted, in bytes; default 512 MiB. */
  readonly largest?: number;
}

/** An answer of any status, its body still to be read. */
export interface ServiceAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Destroying it closes the connection. */
  readonly body: Readable;
}

/** The largest answer that is read into memory, in bytes. */
const LARGEST = 512 * 1024 * 1024;

/** RFC 3927, RFC 4291 section 2.5.6: where clouds serve machine credentials. */
const linkLocal = new BlockList();
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4');
linkLocal.addSubnet('fe80::', 10, 'ipv6');
linkLocal.addAddress('fd00:ec2::254', 'ipv6');

/**
 * Asks a service with its connection's credentials. Redirects are not followed: they would carry the credentials
 * elsewhere (invariant S12).
 *
 * @returns status and body of any answer, also of one that says no
 * @throws {CellError} when there is no answer, in words that hold nothing of the request
 */
export async function askService(
  settings: ServiceSettings,
  request: ServiceRequest,
): Promise<{ readonly status: number; readonly body: string }> {
  const { largest = LARGEST, signal } = request;
  try {
    const { status, headers, body } = await openService(settings, request);
    if (Number(headers['content-length'] ?? 0) > largest) {
      body.destroy();
      throw tooLarge(largest);
    }
    return { status, body: await text(limited(body, largest)) };
  } catch (error) {
    if (error instanceof CellError || signal.aborted) throw error;
    throw unreachable(settings, error);
  }
}

/** The same for an answer that is read as it comes: what goes wrong then is told by {@link unreachable}. */
export async function openService(
  settings: ServiceSettings,
  {
    method,
    path,
    parameters = new URLSearchParams(),
    json,
    accept = 'application/json',
    signal,
  }: ServiceRequest,
): Promise<ServiceAnswer> {
  const url = new URL(path, settings.url.replace(/\/?$/, '/'));
  if (method === 'GET') url.search = parameters.toString();
  try {
    const answer = await request(url, {
      method,
      headers: {
        accept,
        'user-agent': 'spin-runtime',
        ...authorization(settings),
        ...(method === 'POST' && {
          'content-type': json ? 'application/json' : 'application/x-www-form-urlencoded',
        }),
      },
      ...(method === 'POST' && { body: json ? JSON.stringify(json) : parameters.toString() }),
      dispatcher: dispatcherFor(settings),
      signal,
    });
    if (answer.statusCode >= 300 && answer.statusCode < 400) {
      answer.body.destroy();
      throw new CellError(
        `${url.host} sends on to another address: put the final one into the connection's url.`,
      );
    }
    return { status: answer.statusCode, headers: answer.headers, body: answer.body };
  } catch (error) {
    if (error instanceof CellError || signal.aborted) throw error;
    throw unreachable(settings, error);
  }
}

/** The sentence about a request without an answer, or with half of one. */
export function unreachable({ url }: ServiceSettings, error: unknown): CellError {
  return new CellError(`${new URL(url).host} can't be reached: ${reasonOf(error)}.`, { cause: error });
}

function tooLarge(bytes: number): CellError {
  return new CellError(`The answer is larger than ${Math.round(bytes / 1024 ** 2)} MiB. Ask for less.`);
}

function authorization({ token, username, password }: ServiceSettings): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token.reveal()}` };
  if (username === undefined) return {};
  const pair = `${username}:${password?.reveal() ?? ''}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** Connections are kept open per identity at TLS; proxies are those of the gateway's own environment. */
const dispatchers = new Map<string, Dispatcher>();

function dispatcherFor(settings: ServiceSettings): Dispatcher {
  const tls = {
    ca: contentOf('ca_file', settings.ca_file),
    cert: contentOf('cert_file', settings.cert_file),
    key: contentOf('key_file', settings.key_file),
  };
  const named = isIP(new URL(settings.url).hostname.replace(/^\[|\]$/g, '')) !== 0;
  const key = JSON.stringify([tls, named]);
  const known = dispatchers.get(key);
  if (known) return known;
  const connect = { ...tls, ...(named ? {} : { lookup: refusingLinkLocal }) };
  const dispatcher = hasProxy()
    ? new EnvHttpProxyAgent({ connect, requestTls: connect })
    : new Agent({ connect });
  dispatchers.set(key, dispatcher);
  return dispatcher;
}

function hasProxy(): boolean {
  return ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].some((name) => process.env[name]);
}

/** @throws {CellError} naming the setting */
export function contentOf(setting: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CellError(`The connection's ${setting} can't be read by the gateway.`, { cause });
  }
}

/** A name may come to point at the metadata service; a connection that wants it names its address. */
export const refusingLinkLocal: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    const refused = found?.some(({ address, family }) =>
      linkLocal.check(address, family === 6 ? 'ipv6' : 'ipv4'),
    );
    if (error !== null || refused) callback(error ?? new LinkLocalError(), []);
    else if (options.all) callback(null, found);
    else callback(null, found[0]?.address ?? '', found[0]?.family);
  });
};

class LinkLocalError extends Error {
  readonly code = 'LINK_LOCAL';
}

async function* limited(body: AsyncIterable<Buffer>, largest: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > largest) throw tooLarge(largest);
    yield chunk;
  }
}

/** By the codes of node and OpenSSL. */
const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not known (DNS)',
  EAI_AGAIN: 'names cannot be looked up right now (DNS)',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer (a firewall?)',
  UND_ERR_HEADERS_TIMEOUT: 'it took too long',
  UND_ERR_BODY_TIMEOUT: 'it stopped in the middle of its answer',
  LINK_LOCAL: 'its name leads to a link-local address, where machines get their own credentials',
  CERT_HAS_EXPIRED: 'its certificate has expired (TLS)',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name (TLS)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted: name its CA in ca_file (TLS)',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted: name its CA in ca_file (TLS)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted: name its CA in ca_file (TLS)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not trusted: name its CA in ca_file (TLS)',
};

/** @returns why a connection failed, in words that hold nothing of it */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return (
    reasons[code] ?? (code.startsWith('ERR_SSL') ? 'it does not speak TLS there (TLS)' : code || 'it failed')
  );
}
