import { createHmac, hkdfSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { createSigner } from '../../gateway/edge/jwt.js';
import { createLoginCodes, loginUrl } from '../../gateway/edge/login-codes.js';
import { openRevocations } from '../../gateway/edge/revocations.js';
import { createSessions } from '../../gateway/edge/sessions.js';
import { Secret } from '../../processors/core/secret.js';

const HOUR = 3600;
const QUIET = pino({ level: 'silent' });

async function parts(t: { testdir(): string }, token = 'a-token-of-16-chars') {
  let now = 1_700_000_000_000;
  const clock = () => now;
  const file = join(t.testdir(), 'sessions', 'revoked.json');
  const signer = createSigner(new Secret(token), clock);
  const revocations = await openRevocations(file, clock, QUIET);
  const sessions = createSessions(signer, revocations, clock);
  const pass = (seconds: number) => {
    now += seconds * 1000;
  };
  const codes = createLoginCodes(new Secret(token), revocations, clock);
  return { clock, file, signer, revocations, sessions, codes, pass };
}

t.test('a session names the token that opened it', async (t) => {
  const { sessions } = await parts(t);
  t.match(await sessions.read(await sessions.start('owner', 'session'), 'session'), {
    name: 'owner',
    renewed: undefined,
  });
});

t.test('a session that is used slides on, one that is not used ends after twelve hours', async (t) => {
  const { sessions, pass } = await parts(t);
  const first = await sessions.start('owner', 'session');
  pass(11 * HOUR);
  const renewed = (await sessions.read(first, 'session'))?.renewed ?? '';
  pass(2 * HOUR);
  t.equal(await sessions.read(first, 'session'), undefined);
  t.match(await sessions.read(renewed, 'session'), { name: 'owner' });
});

t.test('ending a session ends every renewal of it, earlier and later ones', async (t) => {
  const { sessions, pass } = await parts(t);
  const first = await sessions.start('owner', 'session');
  pass(2 * HOUR);
  const second = (await sessions.read(first, 'session'))?.renewed ?? '';
  await sessions.end(first, 'session');
  t.equal(await sessions.read(first, 'session'), undefined);
  t.equal(await sessions.read(second, 'session'), undefined);
});

t.test('ending one session leaves the others', async (t) => {
  const { sessions } = await parts(t);
  const [one, other] = [await sessions.start('owner', 'session'), await sessions.start('owner', 'session')];
  await sessions.end(one, 'session');
  t.match(await sessions.read(other, 'session'), { name: 'owner' });
});

t.test('an ended session stays ended in the next process', async (t) => {
  const { sessions, signer, file, clock } = await parts(t);
  const jwt = await sessions.start('owner', 'session');
  await sessions.end(jwt, 'session');
  const next = createSessions(signer, await openRevocations(file, clock, QUIET), clock);
  t.equal(await next.read(jwt, 'session'), undefined);
});

t.test('another token means other keys: its sessions count for nothing', async (t) => {
  const { sessions } = await parts(t);
  const { sessions: rotated } = await parts(t, 'another-token-of-ours');
  t.equal(await rotated.read(await sessions.start('owner', 'session'), 'session'), undefined);
});

t.test('W2: a session of plain HTTP is none by https, nor the other way round', async (t) => {
  const { sessions } = await parts(t);
  const plain = await sessions.start('owner', 'plain-session');
  t.match(await sessions.read(plain, 'plain-session'), { name: 'owner' });
  t.equal(await sessions.read(plain, 'session'), undefined);
  const secure = await sessions.start('owner', 'session');
  t.match(await sessions.read(secure, 'session'), { name: 'owner' });
  t.equal(await sessions.read(secure, 'plain-session'), undefined);
});

t.test('A1: a login code is 22 characters, and no session is one', async (t) => {
  const { sessions, codes } = await parts(t);
  const made = new Set(Array.from({ length: 100 }, () => codes.make()));
  t.ok(made.size >= 98, 'as many in one second');
  for (const code of made) t.match(code, /^[A-Za-z0-9_-]{22}$/);
  const code = codes.make();
  t.equal(await sessions.read(code, 'session'), undefined);
  t.equal(await codes.spend(await sessions.start('owner', 'session')), 'invalid');
});

t.test('A1: a changed, guessed or foreign code is invalid', async (t) => {
  const { codes } = await parts(t);
  const { codes: foreign } = await parts(t, 'another-token-of-ours');
  const code = codes.make();
  for (let at = 0; at < 21; at++) {
    const other = code.charAt(at) === 'A' ? 'B' : 'A';
    t.equal(await codes.spend(code.slice(0, at) + other + code.slice(at + 1)), 'invalid', String(at));
  }
  for (const bad of ['', 'x', code.slice(1), `${code}A`, `${code}=`, '+'.repeat(22), await foreign.make()]) {
    t.equal(await codes.spend(bad), 'invalid', bad);
  }
  t.equal(await codes.spend(code), undefined, 'and costs nothing');
});

t.test('A1: the second spelling of a code is the same code', async (t) => {
  const { codes } = await parts(t);
  const code = codes.make();
  const bytes = Buffer.from(code, 'base64url');
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const twins = [...alphabet]
    .map((last) => code.slice(0, -1) + last)
    .filter((twin) => twin !== code && Buffer.from(twin, 'base64url').equals(bytes));
  t.ok(twins.length > 0);
  t.equal(await codes.spend(code), undefined);
  for (const twin of twins) t.equal(await codes.spend(twin), 'spent');
});

t.test(
  'what is not signed as we sign is invalid: none, other algorithms, types, issuers, no expiry',
  async (t) => {
    const { signer, clock } = await parts(t);
    const key = new Uint8Array(hkdfSync('sha256', 'a-token-of-16-chars', '', 'spin-runtime session 1', 32));
    const now = Math.floor(clock() / 1000);
    const header = { alg: 'HS256', typ: 'spin-session+jwt' };
    const payload = { iss: 'spin-runtime', aud: 'session', sub: 'owner', jti: 'x', iat: now, exp: now + 60 };
    const make = (h: object, p: object, hash = 'sha256') => {
      const text = [h, p].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
      return `${text}.${createHmac(hash, key).update(text).digest('base64url')}`;
    };
    t.match(
      await signer.verify('session', make(header, payload)),
      { subject: 'owner' },
      'this forger knows the key',
    );
    const bad: Record<string, string> = {
      'alg none': `${make({ ...header, alg: 'none' }, payload)
        .split('.')
        .slice(0, 2)
        .join('.')}.`,
      HS512: make({ ...header, alg: 'HS512' }, payload, 'sha512'),
      'another type': make({ ...header, typ: 'JWT' }, payload),
      'another issuer': make(header, { ...payload, iss: 'elsewhere' }),
      'another audience': make(header, { ...payload, aud: 'login-code' }),
      'no expiry': make(header, { ...payload, exp: undefined }),
      'no id': make(header, { ...payload, jti: undefined }),
      'issued in the future': make(header, { ...payload, iat: now + 3600, exp: now + 7200 }),
      'changed after signing': make(header, payload).replace(/.{4}\./, 'AAAA.'),
      garbage: 'a.b.c',
    };
    for (const [why, jwt] of Object.entries(bad))
      t.equal(await signer.verify('session', jwt), 'invalid', why);
    const old = make(header, { ...payload, iat: now - 13 * HOUR, exp: now + 13 * HOUR });
    t.equal(await signer.verify('session', old), 'expired', 'older than its kind may get');
  },
);

t.test('a login code logs in once, also when two come at the same moment', async (t) => {
  const { codes } = await parts(t);
  const code = codes.make();
  const both = await Promise.all([codes.spend(code), codes.spend(code)]);
  t.same(both.filter((problem) => problem === undefined).length, 1);
  t.equal(await codes.spend(code), 'spent');
});

t.test('A1: a code is known to another process, and stays spent in the next', async (t) => {
  const { codes, file, clock } = await parts(t);
  const code = new URL(
    await loginUrl('http://localhost', new Secret('a-token-of-16-chars')),
  ).searchParams.get('code');
  const own = codes.make();
  t.equal(await codes.spend(own), undefined);
  const next = async () =>
    createLoginCodes(new Secret('a-token-of-16-chars'), await openRevocations(file, clock, QUIET), clock);
  t.equal(await (await next()).spend(own), 'spent');
  const now = createLoginCodes(
    new Secret('a-token-of-16-chars'),
    await openRevocations(file, Date.now, QUIET),
    Date.now,
  );
  t.equal(await now.spend(code ?? ''), undefined);
});

t.test('a login code is good for ten minutes', async (t) => {
  const { codes, pass } = await parts(t);
  const [early, late] = [codes.make(), codes.make()];
  pass(599);
  t.equal(await codes.spend(early), undefined);
  pass(2);
  t.equal(await codes.spend(late), 'expired');
});

t.test('what has expired by itself is forgotten, so that the file stays small', async (t) => {
  const { revocations, file, clock, pass } = await parts(t);
  await revocations.add('old', clock() / 1000 + 60);
  pass(HOUR);
  await revocations.add('new', clock() / 1000 + 60);
  t.same(Object.keys(JSON.parse(await readFile(file, 'utf8'))), ['new']);
});

t.test('a damaged file stops the start instead of reviving what was ended', async (t) => {
  const file = join(t.testdir({ 'revoked.json': '{"id": "never"}' }), 'revoked.json');
  await t.rejects(openRevocations(file, Date.now, QUIET), /revoked\.json is damaged/);
});
