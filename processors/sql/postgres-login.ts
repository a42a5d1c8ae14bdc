import { type ClientConfig, DatabaseError } from 'pg';
import { CellError } from '../core/processor.js';
import { NoAnswer } from '../http/no-answer.js';
import { permissionRefusal } from './session.js';
import type { Endpoint } from './settings.js';
import { GREETING_MS, type GuardedSocket } from './wire.js';

/** insufficient_privilege */
const NOT_ALLOWED = '42501';

/**
 * How the driver is to connect.
 * @param stream makes its socket
 */
export function configOf(
  { host, port, database, username, password, tls }: Endpoint,
  stream: () => GuardedSocket,
): ClientConfig {
  return {
    host,
    port,
    // Never what the gateway's environment or home folder say of databases: PGUSER, PGPASSWORD, ~/.pgpass.
    user: username ?? 'postgres',
    database: database ?? username ?? 'postgres',
    password: () => password?.reveal() ?? '',
    application_name: 'spin-runtime',
    client_encoding: 'UTF8',
    connectionTimeoutMillis: GREETING_MS,
    keepAlive: true,
    stream,
    ssl:
      tls === undefined
        ? false
        : {
            rejectUnauthorized: tls.verifies,
            ...(tls.ca !== undefined && { ca: tls.ca }),
            ...(tls.cert !== undefined && { cert: tls.cert }),
            ...(tls.key !== undefined && { key: tls.key }),
            ...(!tls.checksName && { checkServerIdentity: () => undefined }),
          },
  };
}

/**
 * @returns the sentence for a session that the server, or the way to it, refuses
 *
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function refusalOf({ host }: Endpoint, error: unknown): CellError {
  if (error instanceof CellError) return error;
  const { code = '', message = '' } = Object(error) as { code?: string; message?: string };
  if (error instanceof DatabaseError) {
    if (code === '28P01')
      return new CellError(`${host}: the database does not accept the connection's username or password.`);
    if (code === NOT_ALLOWED) return permissionRefusal(host, message);
    return new CellError(`${host}: ${message}.`);
  }
  if (message.includes('does not support SSL'))
    return new CellError(
      `${host} does not support TLS. Only ssl_mode: disable can connect to it, without encryption (TLS).`,
    );
  if (message.includes('timeout'))
    return new CellError(`${host} can't be reached: it does not answer (a firewall?).`);
  return new NoAnswer(host, error);
}
