import { isIPv4, isIPv6 } from 'node:net';

/** Whom a proxy connects for (HAProxy's PROXY protocol, versions 1 and 2: haproxy.org's proxy-protocol.txt). */
export interface ProxySource {
  readonly address: string;
  readonly port: number;
  /** True when the proxy says that the client's leg is TLS (PP2_TYPE_SSL). */
  readonly encrypted: boolean;
}

export type ProxyHeader =
  /** The connection does not begin with a PROXY header. */
  | { readonly kind: 'absent' }
  /** It may; more bytes are needed. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed' }
  /** `length` bytes of header; no source for a proxy's own health check or an unknown family. */
  | { readonly kind: 'present'; readonly length: number; readonly source: ProxySource | undefined };

const V1_PREFIX = Buffer.from('PROXY ');
/** Section 2.1: the longest line, CRLF included. */
const V1_MAX_BYTES = 107;
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED_BYTES = 16;
const TYPE_SSL = 0x20;
const CLIENT_SSL_FLAG = 0x01;

const ABSENT = { kind: 'absent' } as const;
const INCOMPLETE = { kind: 'incomplete' } as const;
const MALFORMED = { kind: 'malformed' } as const;

/**
 * Reads the PROXY header at the start of a connection. Only a trusted proxy's may be believed: that is the
 * caller's to decide.
 *
 * @param bytes everything received so far
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAlike(bytes, V2_SIGNATURE)) return bytes.length < V2_FIXED_BYTES ? INCOMPLETE : parseV2(bytes);
  if (startsAlike(bytes, V1_PREFIX)) return bytes.length < V1_PREFIX.length ? INCOMPLETE : parseV1(bytes);
  return ABSENT;
}

function startsAlike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.subarray(0, length).equals(prefix.subarray(0, length));
}

function parseV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_MAX_BYTES).indexOf('\r\n');
  if (end === -1) return bytes.length < V1_MAX_BYTES ? INCOMPLETE : MALFORMED;
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { kind: 'present', length, source: undefined };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false;
  const wellFormed =
    isAddress(source) && isAddress(destination) && isPort(sourcePort) && isPort(destinationPort);
  if (!wellFormed || rest.length > 0) return MALFORMED;
  return {
    kind: 'present',
    length,
    source: { address: source, port: Number(sourcePort), encrypted: false },
  };
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535;
}

function parseV2(bytes: Buffer): ProxyHeader {
  const version = bytes.readUInt8(12) >> 4;
  const command = bytes.readUInt8(12) & 0x0f;
  const family = bytes.readUInt8(13);
  const length = V2_FIXED_BYTES + bytes.readUInt16BE(14);
  if (version !== 2 || command > 1) return MALFORMED;
  if (bytes.length < length) return INCOMPLETE;
  const body = bytes.subarray(V2_FIXED_BYTES, length);
  const addressLength = family === 0x11 ? 4 : family === 0x21 ? 16 : undefined;
  // LOCAL (a health check), and families other than TCP over IPv4 and IPv6: the real peer stays (section 2.2).
  if (command === 0 || addressLength === undefined) return { kind: 'present', length, source: undefined };
  const afterAddresses = 2 * addressLength + 4;
  if (body.length < afterAddresses) return MALFORMED;
  const encrypted = readsTls(body.subarray(afterAddresses));
  if (encrypted === undefined) return MALFORMED;
  const address = addressText(body.subarray(0, addressLength));
  return {
    kind: 'present',
    length,
    source: { address, port: body.readUInt16BE(2 * addressLength), encrypted },
  };
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** Walks the type-length-value fields (section 2.2). @returns undefined when one reaches beyond the header */
function readsTls(fields: Buffer): boolean | undefined {
  let encrypted = false;
  for (let at = 0; at < fields.length; ) {
    if (at + 3 > fields.length) return undefined;
    const type = fields.readUInt8(at);
    const end = at + 3 + fields.readUInt16BE(at + 1);
    if (end > fields.length) return undefined;
    if (type === TYPE_SSL && end > at + 3) encrypted = (fields.readUInt8(at + 3) & CLIENT_SSL_FLAG) !== 0;
    at = end;
  }
  return encrypted;
}
