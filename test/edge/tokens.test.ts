import { randomBytes, randomUUID } from 'node:crypto';
import t from 'tap';
import { isUnguessable } from '../../gateway/edge/tokens.js';

t.test('X13: what chance has made is beyond guessing', async (t) => {
  for (let n = 0; n < 200; n++) {
    t.ok(isUnguessable(`${randomBytes(24).toString('base64url')}1a`));
  }
  t.ok(isUnguessable('TJpzfFkcRqovvdIX6HeCJmQCUs7mrMP6'), 'as the gateway makes it');
  t.ok(isUnguessable('fe8cf92d8833153ff4c9ac449b8b7c8a'), 'openssl rand -hex 16');
  t.ok(isUnguessable('0dd214fe-202e-4a80-bb57-27ea4bfe05d5') && isUnguessable(randomUUID()), 'a UUID');
});

t.test('X13: what people make is not', async (t) => {
  for (const token of [
    '',
    'test',
    'jupyter',
    'a1'.repeat(40),
    '0'.repeat(64),
    'x'.repeat(10_000),
    'correct-horse-battery-staple1',
    'my-very-secret-token-2026',
    'jupyter-token-of-the-team-1234',
    'summer2026summer2026',
    'the quick brown fox jumps over 1 lazy dog',
    '1234567890123456789012345678901234567890',
    'abcdefghijklmnopqrstuvwxyz0123456789',
  ]) {
    t.notOk(isUnguessable(token), token.slice(0, 40));
  }
});
