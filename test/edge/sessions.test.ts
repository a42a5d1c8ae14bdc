import { createHmac, hkdfSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { createSigner } from '../../gateway/edge/jwt.js';
import { spendLoginCode } from '../../gateway/edge/login-codes.js';
import { openRevocations } from '../../gateway/edge/revocations.js';
import { createSessions } from '../../gateway/edge/sessions.js';
import { Secret } from '../../processors/secret.js';

const HOUR = 3600;

async function parts(t: { testdir(): string }, token = 'a-token-of-16-chars') {
  let now = 1_700_000_000_000;
  const clock = () => now;
  const file = join(t.testdir(), 'sessions', 'revoked.json');
  const signer = createSigner(new Secret(token), clock);
  const revocations = await openRevocations(file, clock);
  const sessions = createSessions(signer, revocations, clock);
  const pass = (seconds: number) => {
    now += seconds * 1000;
  };
  return { clock, file, signer, revocations, sessions, pass };
}

t.test('a session names the token that opened it', async (t) => {
  const { sessions } = await parts(t);
  t.match(await sessions.read(await sessions.start('owner')), { name: 'owner', renewed: undefined });
});

t.test('a session that is used slides on, one that is not used ends after twelve hours', async (t) => {
  const { sessions, pass } = await parts(t);
  const first = await sessions.start('owner');
  pass(11 * HOUR);
  const renewed = (await sessions.read(first))?.renewed ?? '';
  pass(2 * HOUR);
  t.equal(await sessions.read(first), undefined);
  t.match(await sessions.read(renewed), { name: 'owner' });
});

t.test('ending a session ends every renewal of it, earlier and later ones', async (t) => {
  const { sessions, pass } = await parts(t);
  const first = await sessions.start('owner');
  pass(2 * HOUR);
  const second = (await sessions.read(first))?.renewed ?? '';
  await sessions.end(first);
  t.equal(await sessions.read(first), undefined);
  t.equal(await sessions.read(second), undefined);
});

t.test('ending one session leaves the others', async (t) => {
  const { sessions } = await parts(t);
  const [one, other] = [await sessions.start('owner'), await sessions.start('owner')];
  await sessions.end(one);
  t.match(await sessions.read(other), { name: 'owner' });
});

t.test('an ended session stays ended in the next process', async (t) => {
  const { sessions, signer, file, clock } = await parts(t);
  const jwt = await sessions.start('owner');
  await sessions.end(jwt);
  const next = createSessions(signer, await openRevocations(file, clock), clock);
  t.equal(await next.read(jwt), undefined);
});

t.test('another token means other keys: its sessions count for nothing', async (t) => {
  const { sessions } = await parts(t);
  const { sessions: rotated } = await parts(t, 'another-token-of-ours');
  t.equal(await rotated.read(await sessions.start('owner')), undefined);
});

t.test('a login code is not a session and a session is not a login code', async (t) => {
  const { sessions, signer, revocations } = await parts(t);
  const code = await signer.sign('login-code', 'id-1', 'owner');
  t.equal(await sessions.read(code), undefined);
  t.same(await spendLoginCode(signer, revocations, await sessions.start('owner')), { problem: 'invalid' });
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
  const { signer, revocations } = await parts(t);
  const code = await signer.sign('login-code', 'id-1', 'owner');
  const spend = () => spendLoginCode(signer, revocations, code);
  const both = await Promise.all([spend(), spend()]);
  t.same(both.filter((outcome) => 'name' in outcome).length, 1);
  t.same(await spend(), { problem: 'spent' });
});

t.test('a login code is good for ten minutes', async (t) => {
  const { signer, revocations, pass } = await parts(t);
  const code = await signer.sign('login-code', 'id-1', 'owner');
  pass(601);
  t.same(await spendLoginCode(signer, revocations, code), { problem: 'expired' });
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
  await t.rejects(openRevocations(file, Date.now), /revoked\.json is damaged/);
});
