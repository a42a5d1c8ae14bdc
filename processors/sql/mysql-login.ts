import type { ConnectionOptions } from 'mysql2';
import { CellError } from '../core/processor.js';
import { NoAnswer } from '../http/no-answer.js';
import { permissionRefusal } from './session.js';
import type { Endpoint } from './settings.js';
import { GREETING_MS } from './wire.js';

/** ER_ACCESS_DENIED_ERROR */
const ACCESS_DENIED = 1045;
/** ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR */
const NOT_ALLOWED = new Set([1044, 1142, 1227]);

/** What OpenSSL says, and node's code for it, which the driver puts its own in place of. */
const TLS_CODES: readonly (readonly [says: RegExp, code: string])[] = [
  [/altnames/, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  [/expired/, 'CERT_HAS_EXPIRED'],
  [/self-signed|unable to (?:get|verify)/, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
];

/** How the driver is to connect. */
export function optionsOf({ host, port, database, username, password, tls }: Endpoint): ConnectionOptions {
  return {
    host,
    port,
    user: username ?? '',
    password: password?.reveal() ?? '',
    ...(database !== undefined && { database }),
    charset: 'utf8mb4',
    connectTimeout: GREETING_MS,
    // Values as they are, not as JavaScript's types could hold them.
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    jsonStrings: true,
    // One statement a request, no files of the gateway's machine, no code made of column names.
    multipleStatements: false,
    flags: ['-LOCAL_FILES'],
    disableEval: true,
    ...(tls !== undefined && {
      ssl: {
        rejectUnauthorized: tls.verifies,
        verifyIdentity: tls.checksName,
        ...(tls.ca !== undefined && { ca: tls.ca }),
        ...(tls.cert !== undefined && { cert: tls.cert }),
        ...(tls.key !== undefined && { key: tls.key }),
      },
    }),
  };
}

/** @returns the sentence for a session that the server, or the way to it, refuses */
export function refusalOf({ host }: Endpoint, error: unknown): CellError {
  if (error instanceof CellError) return error;
  const { code, errno, sqlMessage } = Object(error) as { code?: string; errno?: number; sqlMessage?: string };
  if (errno === ACCESS_DENIED)
    return new CellError(`${host}: the database does not accept the connection's username or password.`);
  if (sqlMessage !== undefined && NOT_ALLOWED.has(errno ?? 0)) return permissionRefusal(host, sqlMessage);
  if (sqlMessage !== undefined) return new CellError(`${host}: ${sqlMessage}.`);
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT')
    return new CellError(
      `${host} does not support TLS. Only ssl_mode: disable can connect to it, without encryption (TLS).`,
    );
  if (code === 'HANDSHAKE_SSL_ERROR' && error instanceof Error) {
    const known = TLS_CODES.find(([says]) => says.test(error.message))?.[1];
    return new NoAnswer(host, Object.assign(new Error('TLS'), { code: known ?? 'ERR_SSL' }));
  }
  return new NoAnswer(host, error);
}
