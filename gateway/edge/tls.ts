import { constants, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';

/** A certificate chain (leaf first) and the leaf's key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** When the leaf ends, in seconds since 1970. */
export function expiryOf({ cert }: KeyPair): number {
  return Date.parse(new X509Certificate(cert).validTo) / 1000;
}

/** ECDHE with AEAD only, as Mozilla's "intermediate" set without its finite-field Diffie-Hellman. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** Websockets and Jupyter's streaming need no more than HTTP/1.1. */
export const ALPN_PROTOCOLS = ['http/1.1'];

/**
 * What every TLS connection of this runtime is made with.
 * @throws what OpenSSL says of a certificate or key that it can't use
 */
export function secureContext(pair: KeyPair): SecureContext {
  return createSecureContext({
    cert: pair.cert,
    key: pair.key,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    // A client that renegotiates costs the server a handshake each time; TLS 1.3 has no such thing any more.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    sessionIdContext: 'spin-runtime',
  });
}
