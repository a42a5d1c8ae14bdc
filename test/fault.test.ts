import fc from 'fast-check';
import t from 'tap';
import { faultOf } from '../gateway/fault.js';
import { CellError } from '../processors/core/processor.js';

t.test('says the kind and the place of an error', async (t) => {
  const { kind, stack } = faultOf(new RangeError('canary'));
  t.equal(kind, 'RangeError');
  t.match(stack, /^ {4}at .*fault\.test\.[jt]s:/);
  t.equal(faultOf(new CellError('canary')).kind, 'CellError');
  t.equal(faultOf(Object.assign(new Error('canary'), { code: 'ECONNREFUSED' })).code, 'ECONNREFUSED');
});

t.test('says what caused it, to a depth', async (t) => {
  const error = new Error('canary', { cause: new TypeError('canary', { cause: 'canary' }) });
  t.match(faultOf(error), { kind: 'Error', cause: { kind: 'TypeError', cause: { kind: 'string' } } });
  const circle: Error = new Error('canary');
  circle.cause = circle;
  t.notMatch(JSON.stringify(faultOf(circle)), 'canary');
});

t.test('says the type of what is no error', async (t) => {
  for (const thrown of ['canary', 7, { message: 'canary' }, Symbol('canary'), () => 'canary']) {
    t.same(faultOf(thrown), { kind: typeof thrown });
  }
  t.same([faultOf(null), faultOf(undefined)], [{ kind: 'null' }, { kind: 'undefined' }]);
});

t.test('S10: never says a word of a message, wherever an error keeps it', async () => {
  const text = fc.oneof(
    fc.constantFrom('canary', 'Error: canary\n    at canary (canary:1:2)\n', '\n    at canary', '$&canary'),
    fc.string({ unit: 'binary' }).map((any) => `canary${any}canary`),
  );
  const make: readonly ((message: string) => unknown)[] = [
    (message) => new Error(message),
    (message) => new CellError(message),
    (message) => Object.assign(new Error('first'), { message }),
    (message) => Object.assign(new Error(message), { message: 'second' }),
    (message) => Object.assign(new Error('x'), { name: message, code: message, cause: message }),
    (message) => Object.assign(new Error('x'), { cause: new Error(message) }),
    (message) => new AggregateError([new Error(message)], message),
    (message) => ({ message, stack: message }),
    (message) => message,
  ];
  fc.assert(
    fc.property(
      text,
      fc.constantFrom(...make),
      (message, makeError) => !JSON.stringify(faultOf(makeError(message))).includes('canary'),
    ),
  );
});

t.test('an error that cannot be read is no reason to fail', async (t) => {
  const hostile = new Proxy(new Error('canary'), {
    get() {
      throw new Error('canary');
    },
  });
  t.same(faultOf(hostile), { kind: 'unreadable' });
});
