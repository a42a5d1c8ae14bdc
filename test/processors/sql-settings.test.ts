import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { endpointOf, settings } from '../../processors/sql/settings.js';

const endpoint = (fields: object) => endpointOf(settings.parse(fields));

t.test('a dsn says where, and a password comes by reference', async (t) => {
  const read = endpoint({ dsn: 'postgres://me@db.example.com/shop', password: new Secret('p') });
  t.match(read, {
    dialect: 'postgres',
    host: 'db.example.com',
    port: 5432,
    database: 'shop',
    username: 'me',
  });
  t.equal(read.password?.reveal(), 'p');
  const referred = endpoint({ dsn: new Secret('mysql://me:p%40ss@[::1]:3307/shop') });
  t.match(referred, {
    dialect: 'mysql',
    host: '::1',
    port: 3307,
    database: 'shop',
    username: 'me',
    tls: undefined,
  });
  t.equal(referred.password?.reveal(), 'p@ss');
  t.match(endpoint({ driver: 'mariadb', host: 'db' }), { dialect: 'mysql', port: 3306, readOnly: false });
});

t.test('TLS is verified unless a connection says otherwise, or stays on the machine', async (t) => {
  const verified = { verifies: true, checksName: true };
  t.match(endpoint({ dsn: 'postgres://db.example.com/a' }).tls, verified);
  t.equal(endpoint({ dsn: 'postgres://127.0.0.1/a' }).tls, undefined);
  t.match(endpoint({ dsn: 'postgres://127.0.0.1/a?sslmode=verify-full' }).tls, verified);
  t.match(
    endpoint({ dsn: 'postgres://127.0.0.1.example.com/a' }).tls,
    verified,
    'a name that only looks like this machine',
  );
  t.match(endpoint({ dsn: 'postgres://db/a', ssl_mode: 'require' }).tls, {
    verifies: false,
    checksName: false,
  });
  t.match(endpoint({ dsn: 'postgres://db/a?sslmode=verify-ca' }).tls, { verifies: true, checksName: false });
  t.throws(() => endpoint({ dsn: 'postgres://db/a?sslmode=prefer' }), { message: /sslmode= with disable/ });
  t.throws(() => endpoint({ dsn: 'postgres://db/a?options=-c' }), { message: /and nothing else/ });
  t.throws(() => endpoint({ dsn: 'postgres://db/a', ca_file: '/nowhere' }), {
    message: /can't read the connection's ca_file/,
  });
});

t.test('what is wrong with a connection is found when it is read', async (t) => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ dsn: 'postgres://me:canary@db/a' }, /credential written out/],
    [{ dsn: 'postgres://me@db/a', password: 'canary' }, /credential written out/],
    [{ dsn: 'http://db/a' }, /postgres:\/\/user@host/],
    [{ driver: 'oracle', host: 'db' }, /one of postgres/],
    [{ driver: 'mysql' }, /it needs a dsn/],
    [{ dsn: 'postgres://db/a', ssl_mode: 'prefer' }, /one of disable/],
    [{ dsn: 'postgres://db/a', port: '1' }, /has to be a number/],
  ];
  for (const [fields, sentence] of wrong) {
    const { success, error } = settings.safeParse(fields);
    t.equal(success, false);
    t.match(String(error), sentence);
    t.notMatch(String(error), 'canary');
  }
  t.ok(settings.safeParse({ dsn: new Secret('') }).success, 'a reference that only will be known later');
});

t.test('a secret in it is not printed', async (t) => {
  const printed = JSON.stringify(endpoint({ dsn: new Secret('postgres://me:canary@db/a') }));
  t.notMatch(printed, 'canary');
});

t.test('S12: what a password in a dsn has to be written as is said', async (t) => {
  const sentences: Readonly<Record<string, RegExp>> = {
    'postgres://me:100%@db/a': /percent sign that starts no escape: write %25/,
    'mysql://me:50%off@db/a': /percent sign/,
    'postgres://me:%E4@db/a': /percent sign/,
    'postgres://me:12#34@db/a': /%23/,
    'postgres://me:12/34@db/a': /%2F/,
  };
  for (const [dsn, sentence] of Object.entries(sentences)) {
    const { success, error } = settings.safeParse({ dsn: new Secret(dsn) });
    t.notOk(success, dsn);
    t.match(error?.issues[0]?.message, sentence, dsn);
    t.notMatch(String(error), /100%|50%off|12.34/, 'and nothing of it is quoted');
  }
  t.equal(endpoint({ dsn: new Secret('postgres://me:100%25@db/a') }).password?.reveal(), '100%');
  t.match(
    settings.safeParse({ dsn: 'postgres://me@db/a%b' }).error?.issues[0]?.message,
    /percent sign/,
    'the same of one that is written out',
  );
});
