import fc from 'fast-check';
import t from 'tap';
import { Delivered, MASK } from '../../gateway/channel/delivered.js';
import type { Payload } from '../../gateway/channel/frame.js';
import { Redactor } from '../../gateway/channel/redact.js';
import { Secret } from '../../processors/secret.js';
import { bytesOf, frameOf, type Parts, payloadOf } from '../support/frames.js';

const CANARY = 'can"ary\'\n$`{{x}}\\end-of-it';

function redactor(...values: string[]): (channel: string, parts: Parts) => string[] {
  const delivered = new Delivered();
  delivered.add(values.map((value) => new Secret(value)));
  const redact = new Redactor(delivered);
  return (channel, parts) => {
    const payload = payloadOf('v1', channel, parts);
    return redact.pass(frameOf('v1', payload), payload).map((sent) => frameOf('v1', sent).text('content'));
  };
}

const stream = (text: string, name = 'stdout', parent = 'cell') => ({
  header: { msg_type: 'stream' },
  parent_header: { msg_id: parent },
  content: { name, text },
});
const idle = {
  header: { msg_type: 'status' },
  parent_header: { msg_id: 'cell' },
  content: { execution_state: 'idle' },
};
const texts = (contents: string[]): string =>
  contents.map((content) => (JSON.parse(content) as { text?: string }).text ?? '').join('');

t.test('a frame passes as the same object when its kernel was given nothing', async (t) => {
  const payload = payloadOf('v1', 'iopub', { content: { text: CANARY } });
  t.equal(new Redactor(new Delivered()).pass(frameOf('v1', payload), payload)[0], payload);
});

t.test('a frame without a value passes as the same object', async (t) => {
  const delivered = new Delivered();
  delivered.add([new Secret(CANARY)]);
  const payload = payloadOf('legacy', 'iopub', {
    header: { msg_type: 'display_data' },
    content: { data: { a: 'b' } },
  });
  t.equal(new Redactor(delivered).pass(frameOf('legacy', payload), payload)[0], payload);
});

const forms: [string, string][] = [
  ['raw', CANARY],
  ['as JSON', JSON.stringify(CANARY)],
  ['as JSON within JSON', JSON.stringify({ inner: JSON.stringify(CANARY) })],
  ["as Python's repr", "ValueError: invalid literal: 'can\"ary\\'\\n$`{{x}}\\\\end-of-it'"],
];
for (const [name, text] of forms) {
  t.test(`hides a value that stands there ${name}`, async (t) => {
    const [content = ''] = redactor(CANARY)('iopub', {
      header: { msg_type: 'error' },
      content: { evalue: text },
    });
    t.notMatch(content, 'end-of-it');
    t.match(content, MASK);
  });
}

t.test('hides a non-ASCII value that Python escaped', async (t) => {
  const [content = ''] = redactor('gehéim😀x')('shell', {
    content: { a: 'text "geh\\u00e9im\\ud83d\\ude00x"' },
  });
  t.equal(content, JSON.stringify({ a: `text "${MASK}"` }));
});

t.test('hides a value in keys, metadata and binary buffers', async (t) => {
  const delivered = new Delivered();
  delivered.add([new Secret('topsecret')]);
  const plain = payloadOf('v1', 'iopub', {
    header: { msg_type: 'comm_msg' },
    metadata: { topsecret: 1 },
    content: { data: { 'a topsecret b': 2 } },
  });
  const payload = frameOf('v1', plain).replace({}, [Buffer.from('..topsecret..')]);
  const [sent] = new Redactor(delivered).pass(frameOf('v1', payload), payload);
  t.ok(sent);
  if (!sent) return;
  t.notMatch(bytesOf(sent).toString(), 'topsecret');
  t.equal(String(frameOf('v1', sent).buffers()[0]), '..*********..', 'a buffer keeps its length');
});

t.test('hides a longer value whole when a shorter one stands inside it', async (t) => {
  const [content] = redactor('abcd', 'abcdefgh')('iopub', {
    header: { msg_type: 'error' },
    content: { a: 'abcdefgh' },
  });
  t.equal(content, JSON.stringify({ a: MASK }));
});

t.test('a value that is a word of the protocol leaves the protocol whole', async (t) => {
  const content = { status: 'error', evalue: 'an error', text: 'error' };
  const [sent] = redactor('error')('shell', { header: { msg_type: 'execute_reply' }, content });
  t.same(JSON.parse(sent ?? ''), { status: 'error', evalue: `an ${MASK}`, text: 'error' });
});

t.test('a stream is hidden across its chunks, wherever they are cut', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: CANARY.length + 20 }), { maxLength: 6 }), (cuts) => {
      const whole = `before ${CANARY} after\n`;
      const edges = [0, ...[...new Set(cuts)].sort((a, b) => a - b), whole.length];
      const pass = redactor(CANARY);
      const out = edges
        .slice(1)
        .flatMap((end, index) => pass('iopub', stream(whole.slice(edges[index], end))));
      return texts([...out, ...pass('iopub', idle)]) === `before ${MASK} after\n`;
    }),
  );
  t.pass('no cut shows a part of it');
});

t.test('what was held back comes when the cell ends, in order', async (t) => {
  const pass = redactor('secret-value');
  t.equal(texts(pass('iopub', stream('the secret-'))), 'the ');
  const released = pass('iopub', idle);
  t.equal(released.length, 2);
  t.equal(texts(released), 'secret-');
  t.match(released[1], 'idle');
});

t.test('two cells and two streams are held apart', async (t) => {
  const pass = redactor('secret-value');
  pass('iopub', stream('secret-'));
  t.equal(texts(pass('iopub', stream('value', 'stderr'))), 'value');
  t.equal(texts(pass('iopub', stream('value', 'stdout', 'other'))), 'value');
  t.equal(texts(pass('iopub', stream('value'))), MASK);
});

t.test('values that are too short to hide leave output alone', async (t) => {
  const [content] = redactor('1', 'on')('shell', { content: { count: 1, a: 'on 1' } });
  t.equal(content, JSON.stringify({ count: 1, a: 'on 1' }));
});

t.test('numbers keep their text when a string beside them is hidden', async (t) => {
  const delivered = new Delivered();
  delivered.add([new Secret('topsecret')]);
  const text =
    '{"channel":"iopub","header":{"msg_id":"a","msg_type":"x"},"parent_header":{},"metadata":{},"content":{"a":1.0,"b":NaN,"c":"topsecret"},"buffers":[]}';
  const payload: Payload = { data: text, binary: false };
  const [sent] = new Redactor(delivered).pass(frameOf('legacy', payload), payload);
  t.equal(sent?.data, text.replace('topsecret', MASK));
});

t.test(
  'a chunk of a stream that holds nothing passes as the same object, one that may begin a value waits',
  async (t) => {
    const delivered = new Delivered();
    delivered.add([new Secret(CANARY)]);
    for (const wire of ['v1', 'legacy'] as const) {
      const redact = new Redactor(delivered);
      const pass = (text: string) => {
        const payload = payloadOf(wire, 'iopub', stream(text));
        return redact.pass(frameOf(wire, payload), payload).map((sent) => sent === payload);
      };
      t.same(pass('nothing here\n'), [true]);
      t.same(pass('neither is it "here"'), [true]);
      t.same(pass(CANARY.slice(0, 5)), []);
    }
  },
);

t.test('hides a value beside the text of a stream', async (t) => {
  const [content = ''] = redactor(CANARY)('iopub', {
    ...stream('nothing here'),
    content: { name: 'stdout', text: 'nothing here', more: CANARY },
  });
  t.same(JSON.parse(content), { name: 'stdout', text: 'nothing here', more: MASK });
});

t.test('a text whose end is the beginning of a value may go on as one', async () => {
  const piece = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '"', '\\'), minLength: 4, maxLength: 9 });
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 3 }), piece, (values, text) => {
      const delivered = new Delivered();
      delivered.add(values.map((value) => new Secret(value)));
      const beginnings = values.flatMap((value) => [...value].map((_, at) => value.slice(0, at)));
      const begins = beginnings.some((beginning) => beginning !== '' && text.endsWith(beginning));
      // Other forms of a value (JSON, repr) begin too.
      return delivered.mayGoOn(text) || !begins;
    }),
  );
});
