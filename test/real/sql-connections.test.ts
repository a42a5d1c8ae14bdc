import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { makePair } from '../support/certificate.js';
import { PASSWORD, startMariadb, startPostgres } from '../support/databases.js';
import { sqlCells } from '../support/sql-cells.js';

t.setTimeout(120_000);

/** A user who may log in, and may not use the database. */
const narrow = {
  postgres: ["CREATE ROLE narrow LOGIN PASSWORD 'narrow'", 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC'],
  mysql: ["CREATE USER narrow@'%' IDENTIFIED BY 'narrow'"],
};

for (const driver of ['postgres', 'mysql'] as const) {
  t.test(`${driver}: what answers, or what failed, is told`, async (t) => {
    const right = await makePair(t, ['localhost', '127.0.0.1']);
    const other = await makePair(t, ['localhost', '127.0.0.1']);
    const database = await (driver === 'postgres' ? startPostgres : startMariadb)({ tls: right.pair });
    t.teardown(() => database.close());
    const database_ = driver === 'postgres' ? 'postgres' : 'shop';
    const cells = (more: object) => sqlCells(driver, database, { database: database_, ...more });

    t.match(await cells({}).test(), /^(PostgreSQL|MariaDB) \d+\.\d+/);
    t.match(await cells({ read_only: true }).test(), /, read-only$/);
    const verified = cells({ host: 'localhost', ssl_mode: 'verify-full', ca_file: right.cert });
    t.match(await verified.test(), /^(PostgreSQL|MariaDB) \d/);
    const encrypted =
      driver === 'postgres'
        ? 'select ssl::text from pg_stat_ssl where pid = pg_backend_pid()'
        : "select variable_value <> '' from information_schema.session_status where variable_name = 'ssl_cipher'";
    t.match(String(await verified.run(encrypted)), /true|1/, 'and it really is TLS');
    t.match(await cells({ ssl_mode: 'require' }).test(), /\d/, 'unverified, where that is asked for');

    for (const statement of narrow[driver]) await cells({}).run(statement);
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ password: new Secret('no') }, /does not accept the connection's username or password/],
      [
        { username: 'narrow', password: new Secret('narrow') },
        /the database accepts the connection's username, but does not allow this: .* \(permission\)\.$/,
      ],
      [{ database: 'nope' }, /nope/],
      [{ port: 9 }, /nothing listens there/],
      [{ host: 'nowhere.invalid' }, /\(DNS\)/],
      [{ host: 'localhost', ssl_mode: 'verify-full' }, /certificate is not trusted.*\(TLS\)/],
      [{ host: 'localhost', ssl_mode: 'verify-ca', ca_file: other.cert }, /\(TLS\)/],
    ];
    for (const [more, sentence] of wrong) {
      await t.rejects(
        async () => cells(more).test(),
        { name: 'CellError', message: sentence },
        sentence.source,
      );
      await cells(more)
        .test()
        ?.catch((error) => t.notMatch(String(error), PASSWORD));
    }
  });

  t.test(`${driver}: a certificate for another name`, async (t) => {
    const pair = await makePair(t, ['other.example.com']);
    const database = await (driver === 'postgres' ? startPostgres : startMariadb)({ tls: pair.pair });
    t.teardown(() => database.close());
    const cells = (ssl_mode: string) =>
      sqlCells(driver, database, {
        host: 'localhost',
        ssl_mode,
        ca_file: pair.cert,
        ...(driver === 'postgres' && { database: 'postgres' }),
      });
    await t.rejects(async () => cells('verify-full').test(), { message: /for another name \(TLS\)/ });
    t.match(await cells('verify-ca').test(), /\d/);
  });
}
