import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import forge from 'node-forge';

/**
 * X.509 certificates (RFC 5280), written and read with node-forge's ASN.1. Keys are node's own, elliptic
 * curves too, which node-forge's certificates don't know.
 */
const { asn1 } = forge;
type Asn1 = forge.asn1.Asn1;

const { UNIVERSAL, CONTEXT_SPECIFIC } = asn1.Class;
const { SEQUENCE, SET, OID, OCTETSTRING, BITSTRING, BOOLEAN, INTEGER, UTF8, UTCTIME, GENERALIZEDTIME } =
  asn1.Type;

/** RFC 5758 section 3.2: ECDSA with SHA-256; its parameters are absent. */
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const extensionIds = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
} as const;
type ExtensionName = keyof typeof extensionIds;

/** GeneralName tags (RFC 5280 section 4.2.1.6). */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

export interface CertificateRequest {
  /** Common names, at most 64 characters. */
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** P-256 keys. */
  readonly publicKey: KeyObject;
  readonly issuerPublicKey: KeyObject;
  readonly issuerKey: KeyObject;
  /**
   * `authority`: may sign leaves for these DNS names (and what is below them) and addresses, and for no
   * others; `server`: is valid for them.
   */
  readonly kind: 'authority' | 'server';
  readonly names: readonly string[];
}

/** @returns PEM */
export function makeCertificate(request: CertificateRequest): string {
  const algorithm = seq(oid(ECDSA_WITH_SHA256));
  const body = seq(
    context(0, [integer('\x02')]),
    integer(serialNumber()),
    algorithm,
    distinguishedName(request.issuer),
    seq(time(request.notBefore), time(request.notAfter)),
    distinguishedName(request.subject),
    asn1.fromDer(publicKeyInfo(request.publicKey)),
    context(3, [seq(...extensions(request))]),
  );
  const signature = sign('sha256', Buffer.from(asn1.toDer(body).getBytes(), 'latin1'), request.issuerKey);
  const certificate = seq(body, algorithm, primitive(BITSTRING, `\0${signature.toString('latin1')}`));
  const der = Buffer.from(asn1.toDer(certificate).getBytes(), 'latin1').toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${der.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
}

/** @returns whether an authority with this certificate may sign for the name */
export function permits(authority: Buffer, name: string): boolean {
  return permitted(authority).some((subtree) =>
    isIP(name) === 0
      ? subtree.type === DNS_NAME && `.${name}`.endsWith(`.${subtree.value}`)
      : subtree.type === IP_ADDRESS && subtree.value === generalName(name, true).value,
  );
}

/** @returns whether a server certificate is for exactly these names */
export function isFor(certificate: Buffer, names: readonly string[]): boolean {
  const has = children(extension(certificate, 'subjectAltName')).map(keyOf).sort();
  const wants = names.map((name) => keyOf(generalName(name, false))).sort();
  return has.length === wants.length && has.every((key, i) => key === wants[i]);
}

function extensions({ kind, names, publicKey, issuerPublicKey }: CertificateRequest): Asn1[] {
  const keys = [
    make('subjectKeyIdentifier', false, primitive(OCTETSTRING, keyIdentifier(publicKey))),
    make('authorityKeyIdentifier', false, seq(context(0, keyIdentifier(issuerPublicKey)))),
  ];
  if (kind === 'authority') {
    const subtrees = names.map((name) => seq(generalName(name, true)));
    return [
      // A CA whose leaves sign nothing (path length 0).
      make('basicConstraints', true, seq(primitive(BOOLEAN, '\xff'), integer('\0'))),
      // keyCertSign
      make('keyUsage', true, primitive(BITSTRING, '\x02\x04')),
      make('nameConstraints', true, seq(context(0, subtrees))),
      ...keys,
    ];
  }
  return [
    make('basicConstraints', true, seq()),
    // digitalSignature
    make('keyUsage', true, primitive(BITSTRING, '\x07\x80')),
    make('extKeyUsage', false, seq(oid(SERVER_AUTH))),
    make('subjectAltName', false, seq(...names.map((name) => generalName(name, false)))),
    ...keys,
  ];
}

function make(name: ExtensionName, critical: boolean, value: Asn1): Asn1 {
  const flag = critical ? [primitive(BOOLEAN, '\xff')] : [];
  return seq(oid(extensionIds[name]), ...flag, primitive(OCTETSTRING, asn1.toDer(value).getBytes()));
}

/** @param asSubtree in name constraints an address carries its mask (RFC 5280 section 4.2.1.10) */
function generalName(name: string, asSubtree: boolean): Asn1 {
  if (isIP(name) === 0) return context(DNS_NAME, name);
  const bytes = addressBytes(name);
  return context(IP_ADDRESS, asSubtree ? bytes + '\xff'.repeat(bytes.length) : bytes);
}

function addressBytes(address: string): string {
  if (isIPv4(address)) return String.fromCharCode(...address.split('.').map(Number));
  // The URL parser gives the canonical text, without an embedded IPv4 address.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const zeros = Array<string>(8 - groups(head).length - groups(tail).length).fill('0');
  return [...groups(head), ...zeros, ...groups(tail)]
    .map((group) => String.fromCharCode(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff))
    .join('');
}

function permitted(certificate: Buffer): Asn1[] {
  return children(extension(certificate, 'nameConstraints'))
    .filter(({ type }) => type === 0)
    .flatMap(children)
    .flatMap(children);
}

function extension(certificate: Buffer, name: ExtensionName): Asn1 {
  const [body] = children(asn1.fromDer(certificate.toString('latin1')));
  const wrapper = children(body).find((part) => part.tagClass === CONTEXT_SPECIFIC && part.type === 3);
  const wanted = oid(extensionIds[name]).value;
  const found = children(children(wrapper)[0]).find((part) => children(part)[0]?.value === wanted);
  const value = children(found).at(-1)?.value;
  return typeof value === 'string' ? asn1.fromDer(value) : seq();
}

function children(node: Asn1 | undefined): Asn1[] {
  return Array.isArray(node?.value) ? node.value : [];
}

function keyOf({ type, value }: Asn1): string {
  return `${type}:${value}`;
}

/**
 * SHA-1 of the key's bits, an identifier and no protection (RFC 5280 section 4.2.1.2, method 1). A P-256
 * key's are the last 65 bytes: its uncompressed point (RFC 5480 section 2.2).
 */
function keyIdentifier(key: KeyObject): string {
  return createHash('sha1').update(publicKeyInfo(key).slice(-65), 'latin1').digest().toString('latin1');
}

function publicKeyInfo(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'der' }).toString('latin1');
}

/** A positive integer of 16 random bytes (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString('latin1');
}

function distinguishedName(name: string): Asn1 {
  return seq(asn1.create(UNIVERSAL, SET, true, [seq(oid(COMMON_NAME), primitive(UTF8, name))]));
}

/** UTCTime until 2049, then GeneralizedTime (RFC 5280 section 4.1.2.5). */
function time(date: Date): Asn1 {
  return date.getUTCFullYear() < 2050
    ? primitive(UTCTIME, String(asn1.dateToUtcTime(date)))
    : primitive(GENERALIZEDTIME, String(asn1.dateToGeneralizedTime(date)));
}

function seq(...parts: Asn1[]): Asn1 {
  return asn1.create(UNIVERSAL, SEQUENCE, true, parts);
}

function oid(id: string): Asn1 {
  return primitive(OID, asn1.oidToDer(id).getBytes());
}

function integer(bytes: string): Asn1 {
  return primitive(INTEGER, bytes);
}

function primitive(type: forge.asn1.Type, value: string): Asn1 {
  return asn1.create(UNIVERSAL, type, false, value);
}

function context(tag: number, value: string | Asn1[]): Asn1 {
  return asn1.create(CONTEXT_SPECIFIC, tag, Array.isArray(value), value);
}
