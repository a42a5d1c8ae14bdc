import { z } from 'zod';
import { bareHost, isLoopback } from '../core/loopback.js';
import { CellError } from '../core/processor.js';
import { Secret } from '../core/secret.js';
import { credential, text, tlsFields } from '../core/settings.js';
import { checkTls, readTlsFiles, type TlsFiles } from '../core/tls-files.js';
import type { Dialect } from './scanner.js';

/** The names of the databases' clients for the same thing. */
const DRIVERS: Readonly<Record<string, Dialect>> = {
  postgres: 'postgres',
  postgresql: 'postgres',
  mysql: 'mysql',
  mariadb: 'mysql',
  clickhouse: 'clickhouse',
};
const PORTS: Readonly<Record<Dialect, number>> = { postgres: 5432, mysql: 3306, clickhouse: 8123 };
/** ClickHouse's HTTP interface has another port with TLS. */
const TLS_PORTS: Readonly<Partial<Record<Dialect, number>>> = { clickhouse: 8443 };

/** https://www.postgresql.org/docs/current/libpq-ssl.html; without its opportunistic ones, which a man in the middle turns off. */
const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
type SslMode = (typeof SSL_MODES)[number];

/** A database's address; one that is written out holds no password. */
const dsn = z
  .custom<unknown>((value) => value instanceof Secret || !passwordIn(value), 'credential written out')
  .transform((value) => (value instanceof Secret ? value : new Secret(String(value))))
  .refine(
    (value) => value.reveal() === '' || driverIn(value.reveal()) !== undefined,
    'it has to be postgres://user@host:5432/database, mysql://… or clickhouse://…',
  )
  .refine(
    (value) => hasWholeEscapes(value.reveal()),
    'it contains a percent sign that starts no escape: write %25 for a percent sign',
  )
  .refine(
    (value) => !isCutShort(value.reveal()),
    'a # or / in a user name or password has to be written as %23 or %2F',
  );

export const settings = z
  .strictObject({
    dsn: dsn.optional(),
    driver: z.enum(Object.keys(DRIVERS), `it is one of ${Object.keys(DRIVERS).join(', ')}`).optional(),
    host: text().optional(),
    port: z.int('it has to be a number').min(1).max(65_535).optional(),
    database: text().optional(),
    username: text().optional(),
    password: credential().optional(),
    read_only: z.boolean('it is true or false').optional(),
    ssl_mode: z.enum(SSL_MODES, `it is one of ${SSL_MODES.join(', ')}`).optional(),
    ...tlsFields,
  })
  .refine(({ dsn, driver, host }) => dsn !== undefined || (driver !== undefined && host !== undefined), {
    path: ['dsn'],
    message: 'it needs a dsn, or driver and host',
  });
export type SqlSettings = z.infer<typeof settings>;

/** Where a database is, and who the gateway is there. */
export interface Endpoint {
  readonly dialect: Dialect;
  readonly host: string;
  readonly port: number;
  readonly database: string | undefined;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  readonly readOnly: boolean;
  /** What `tls` was read from. */
  readonly files: TlsFiles;
  /** undefined: without TLS. */
  readonly tls:
    | {
        readonly verifies: boolean;
        /** Whether the certificate has to be the host's. */
        readonly checksName: boolean;
        readonly ca: string | undefined;
        readonly cert: string | undefined;
        readonly key: string | undefined;
      }
    | undefined;
}

/** @throws {CellError} for a dsn that came by reference and isn't one, or a file that can't be read */
export function endpointOf(settings: SqlSettings): Endpoint {
  const url = settings.dsn === undefined ? undefined : urlOf(settings.dsn.reveal());
  const dialect = url ? driverIn(url.href) : DRIVERS[settings.driver ?? ''];
  if (dialect === undefined)
    throw new CellError(
      "The connection's dsn is not a database URL. Use postgres://…, mysql://… or clickhouse://….",
    );
  const host = settings.host ?? (bareHost(decodeURIComponent(url?.hostname ?? '')) || 'localhost');
  const password =
    settings.password ?? (url?.password ? new Secret(decodeURIComponent(url.password)) : undefined);
  const tls = tlsOf(
    settings,
    settings.ssl_mode ?? modeIn(url) ?? (isLoopback(host) ? 'disable' : 'verify-full'),
  );
  const usual = (tls && TLS_PORTS[dialect]) ?? PORTS[dialect];
  const { ca_file, cert_file, key_file } = settings;
  return {
    dialect,
    host,
    port: settings.port ?? (Number(url?.port) || usual),
    database: settings.database ?? (decodeURIComponent(url?.pathname.slice(1) ?? '') || undefined),
    username: settings.username ?? (decodeURIComponent(url?.username ?? '') || undefined),
    password,
    readOnly: settings.read_only === true,
    tls,
    files: { ca_file, cert_file, key_file },
  };
}

function tlsOf(settings: SqlSettings, mode: SslMode): Endpoint['tls'] {
  if (mode === 'disable') return undefined;
  const contents = readTlsFiles(settings);
  checkTls(contents);
  return { verifies: mode !== 'require', checksName: mode === 'verify-full', ...contents };
}

/** The one parameter of a dsn that is taken. */
function modeIn(url: URL | undefined): SslMode | undefined {
  let mode: SslMode | undefined;
  for (const [name, value] of url?.searchParams ?? []) {
    mode = SSL_MODES.find((known) => known === value);
    if (name !== 'sslmode' || mode === undefined)
      throw new CellError(
        `The connection's dsn takes ?sslmode= with ${SSL_MODES.join(', ')}, and nothing else.`,
      );
  }
  return mode;
}

function urlOf(dsn: string): URL {
  if (!URL.canParse(dsn))
    throw new CellError(
      "The connection's dsn is not a database URL. Use postgres://…, mysql://… or clickhouse://….",
    );
  return new URL(dsn);
}

function driverIn(dsn: string): Dialect | undefined {
  const scheme = /^([a-z]+):\/\//.exec(dsn)?.[1] ?? '';
  return URL.canParse(dsn) && Object.hasOwn(DRIVERS, scheme) ? DRIVERS[scheme] : undefined;
}

/** RFC 3986, section 2.1, in UTF-8. */
function hasWholeEscapes(dsn: string): boolean {
  try {
    decodeURIComponent(dsn);
    return true;
  } catch {
    return false;
  }
}

/** Whether an address seems to end in the middle of its user and password. */
function isCutShort(dsn: string): boolean {
  if (!URL.canParse(dsn)) return false;
  const { hash, pathname } = new URL(dsn);
  return hash !== '' || pathname.includes('@');
}

function passwordIn(dsn: unknown): boolean {
  return typeof dsn === 'string' && URL.canParse(dsn) && new URL(dsn).password !== '';
}
