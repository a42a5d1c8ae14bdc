import fc from 'fast-check';
import t from 'tap';
import { streamEnd } from '../../gateway/channel/hidden/stream-end.js';

const end = (content: string, reach = 5) => streamEnd(Buffer.from(content), reach);

t.test('reads the end of what ipykernel sends, with and without spaces', async (t) => {
  t.equal(end('{"name":"stdout","text":"abc"}'), 'abc');
  t.equal(end('{"name": "stderr", "text": "a\\nb\\n"}'), 'a\nb\n');
  t.equal(end('{"name": "stdout", "text": ""}'), '');
});

t.test('leaves to a parser what it cannot be sure of', async (t) => {
  for (const content of [
    '{"text":"abc","name":"stdout"}',
    '{"name":"stdout","text":"abc","more":"d"}',
    '{"name":"stdout","text":"abc","text":"d"}',
    '{"name":"stdout","text":"abc","more":1}',
    '{"name":"stdout","text":"abc" }',
    '{"name":"stdout","text":"say \\"abc\\""}',
    '{"name":"stdout","text":"abc\\"}',
    '{"name":"stdout","text":"a\\qb"}',
    '{"name":"stdout","text":"',
    '{"name":"stdout","text":',
    '',
  ]) {
    t.equal(end(content), undefined, content);
  }
});

t.test('whatever the text, what it reads is the end of it, and far enough', async () => {
  const text = fc.array(
    fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\\', '\\\\', '\n', '\u0001', '"', '😀', '\u2028'),
    ),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(text, fc.nat(30), fc.boolean(), (parts, reach, ascii) => {
      const whole = parts.join('');
      const json = JSON.stringify({ name: 'stdout', text: whole });
      const sent = ascii ? json.replace(/[\u0080-\uffff]/g, escaped) : json;
      const read = streamEnd(Buffer.from(sent), reach);
      if (read === undefined) return whole.includes('"');
      return read.endsWith(whole.slice(whole.length - Math.min(reach, whole.length)));
    }),
    { numRuns: 3000 },
  );
});

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
