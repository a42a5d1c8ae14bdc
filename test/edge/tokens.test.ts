import { randomBytes, randomUUID } from 'node:crypto';
import t from 'tap';
import { isUnguessable } from '../../gateway/edge/unguessable.js';

t.test('X13: what chance has made is beyond guessing', async (t) => {
  // Chance makes anything, also what looks like something else: the estimate is on the low side.
  const made = Array.from({ length: 1000 }, () => [
    `${randomBytes(24).toString('base64url')}1a`,
    randomUUID(),
  ]);
  for (const kind of [0, 1]) {
    const count = made.filter((tokens) => isUnguessable(tokens[kind] ?? '')).length;
    t.ok(count >= 950, `${count} of 1000`);
  }
  t.ok(isUnguessable('TJpzfFkcRqovvdIX6HeCJmQCUs7mrMP6'), 'as the gateway makes it');
  t.ok(isUnguessable('fe8cf92d8833153ff4c9ac449b8b7c8a'), 'openssl rand -hex 16');
  t.ok(isUnguessable('0dd214fe-202e-4a80-bb57-27ea4bfe05d5'), 'a UUID');
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
    'a1b2c3d4e5f6g7h8i9j0k1l2',
    'abc123def456ghi789jkl012',
    '1q2w3e4r5t6y7u8i9o0p1a2s',
    '1qaz2wsx3edc4rfv5tgb6yhn',
    'Adm1n1str4t0r2024Sp1n',
    'MyC0mp4nyJupyt3r2025!',
    'Sup3rS3cr3tT0k3nF0rJupyt3r',
    'Kubernetes1Jupyter2Admin3',
  ]) {
    t.notOk(isUnguessable(token), token.slice(0, 40));
  }
});
