import t from 'tap';
import { parseExact, printExact } from '../../gateway/oneshot/exact-json.js';

t.test('what is read is written with the numbers that it had', async (t) => {
  for (const text of [
    '[1,1.0,-0,-0.0,12345678901234567890,0.1,1e5,1E+400,1e-07,1e+22,3.14]',
    '{"a":{"b":NaN,"c":[Infinity,-Infinity]},"1.0":"1.0 NaN","\\\\\\"2.0":2.0}',
    '"NaN"',
    '1.0',
    'null',
  ])
    t.equal(printExact(parseExact(text)), text);
});

t.test('numbers that JavaScript has are numbers', async (t) => {
  t.same(parseExact('{"a": [1, -2.5, 1e+21], "b": "1.0"}'), { a: [1, -2.5, 1e21], b: '1.0' });
});

t.test('it is indented as asked, and no text of its own is taken for a number', async (t) => {
  t.equal(printExact(parseExact('{"a": 1.0}'), 1), '{\n "a": 1.0\n}');
  t.equal(printExact(parseExact('["number:1.0", "1.0"]')), '["number:1.0","1.0"]');
});

t.test('what is not JSON is refused', async (t) => {
  for (const text of ['[01]', '[1.]', '[--1]', '[1-2]', '[-]', '[.5]', '[nan]', '["a]', '[NaN1]'])
    t.throws(() => parseExact(text), SyntaxError, text);
});
