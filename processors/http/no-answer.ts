import { CellError } from '../core/processor.js';

/** A request that got no answer, in words that hold nothing of it. */
export class NoAnswer extends CellError {
  /** True when the same request may well succeed in a moment. */
  readonly passes: boolean;

  /** @param host with its port */
  constructor(host: string, cause: unknown) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const reason = reasonOf(code);
    super(`${host} can't be reached: ${reason}${reason.endsWith('?') ? '' : '.'}`, { cause });
    this.passes = PASSING.has(code);
  }
}

const CLOSED = 'it closed the connection: is the port right, and does it require TLS?';

/** By the codes of node, undici and OpenSSL. */
const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not known (DNS): is it spelled right?',
  EAI_AGAIN: 'names cannot be looked up right now (DNS): try again in a moment',
  ECONNREFUSED: 'nothing listens there: is the port right, and is the service running?',
  ECONNRESET: CLOSED,
  PROTOCOL_CONNECTION_LOST: CLOSED,
  UND_ERR_SOCKET: CLOSED,
  HPE_INVALID_CONSTANT: 'its answer is not HTTP',
  UND_ERR_HEADERS_OVERFLOW: 'the head of its answer is too large',
  EHOSTUNREACH: 'there is no route to that host: does it need a VPN?',
  ENETUNREACH: 'there is no route to that network: does it need a VPN?',
  ETIMEDOUT: "it does not answer (a firewall?): can the gateway's machine reach it?",
  UND_ERR_CONNECT_TIMEOUT: "it does not answer (a firewall?): can the gateway's machine reach it?",
  UND_ERR_HEADERS_TIMEOUT: 'it took too long',
  UND_ERR_BODY_TIMEOUT: 'it stopped in the middle of its answer',
  PROTOCOL_ERROR: 'its answer is not what such a service sends',
  PROTOCOL_UNEXPECTED_PACKET: 'its answer is not what such a service sends',
  NONSENSE: 'its answer is not what such a service sends',
  LINK_LOCAL:
    'its name resolves to a link-local address, or one like it, where machines get their own credentials',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: is the clock right? (TLS)',
  CERT_HAS_EXPIRED: 'its certificate has expired (TLS)',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name (TLS)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted: set ca_file to its CA (TLS)',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted: set ca_file to its CA (TLS)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted: set ca_file to its CA (TLS)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not trusted: set ca_file to its CA (TLS)',
};

/** Not a refused connection: a user who mistyped a port shouldn't wait for the error. */
const PASSING = new Set([
  'EAI_AGAIN',
  'ECONNRESET',
  'UND_ERR_SOCKET',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function reasonOf(code: string): string {
  const known = reasons[code];
  if (known !== undefined) return known;
  // TLS alerts of RFC 8446 section 6.2, which come from the server; before TLS 1.3 there is none for a certificate that is missing.
  if (/_ALERT_(?:CERTIFICATE_REQUIRED|NO_CERTIFICATE)$/.test(code))
    return 'it requires a client certificate: set cert_file and key_file (TLS)';
  if (/_ALERT_(?:UNKNOWN_CA|(?:BAD|UNSUPPORTED)_CERTIFICATE|CERTIFICATE_[A-Z]+|ACCESS_DENIED)$/.test(code))
    return "it does not accept the connection's client certificate (TLS)";
  if (/_ALERT_HANDSHAKE_FAILURE$/.test(code))
    return 'it ended the connection: it may require a client certificate (cert_file) or another version of TLS (TLS)';
  return code.startsWith('ERR_SSL') ? 'it does not speak TLS there (TLS)' : code || 'it failed';
}
