import fc from 'fast-check';
import t from 'tap';
import { Delivered } from '../../gateway/channel/hidden/delivered.js';
import { MASK } from '../../gateway/channel/hidden/masked.js';
import { Redactor } from '../../gateway/channel/hidden/redact.js';
import type { Payload } from '../../gateway/channel/wire/frame.js';
import { Secret } from '../../processors/core/secret.js';
import { bytesOf, frameOf, type Parts, payloadOf } from '../support/frames.js';
import { redacted } from '../support/redacted.js';

const CANARY = 'can"ary\'\n$`{{x}}\\end-of-it';

function redactor(...values: string[]): (channel: string, parts: Parts) => string[] {
  const delivered = new Delivered();
  delivered.add(values.map((value) => new Secret(value)));
  const redact = new Redactor(delivered);
  return (channel, parts) => {
    const payload = payloadOf('v1', channel, parts);
    return redacted(redact, 'v1', payload).map((sent) => frameOf('v1', sent).text('content'));
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
  t.equal(redacted(new Redactor(new Delivered()), 'v1', payload)[0], payload);
});

t.test('a frame without a value passes as the same object', async (t) => {
  const delivered = new Delivered();
  delivered.add([new Secret(CANARY)]);
  const payload = payloadOf('legacy', 'iopub', {
    header: { msg_type: 'display_data' },
    content: { data: { a: 'b' } },
  });
  t.equal(redacted(new Redactor(delivered), 'legacy', payload)[0], payload);
});

const forms: [string, string][] = [
  ['raw', CANARY],
  ['as JSON', JSON.stringify(CANARY)],
  ['as JSON within JSON', JSON.stringify({ inner: JSON.stringify(CANARY) })],
  ["as Python's repr", "ValueError: invalid literal: 'can\"ary\\'\\n$`{{x}}\\\\end-of-it'"],
  // What Python prints of KeyError(f"no {value!r}"), and of [json.dumps(value)].
  ["as Python's repr within one", String.raw`KeyError: 'no \'can"ary\\\'\\n$${'`'}{{x}}\\\\end-of-it\''`],
  ["as JSON within Python's repr", String.raw`['"can\\"ary\'\\n$${'`'}{{x}}\\\\end-of-it"']`],
];
for (const [name, text] of forms) {
  t.test(`hides a value that stands there ${name}`, async (t) => {
    const [content = ''] = redactor(CANARY)('iopub', {
      header: { msg_type: 'error' },
      content: { evalue: text },
    });
    t.notMatch(content, 'end-of-it');
    t.notMatch(content, 'ary', 'nor its first line, which is too short to be hidden alone');
    t.match(content, MASK);
  });
}

for (const [size, rest] of [
  ['small', ''],
  ['large', '-'.repeat(64 * 1024)],
] as const) {
  t.test(
    `finds each of many values in a ${size} message, whatever characters they are made of`,
    async (t) => {
      const several = ['one*two', '(three)^four', 'five?six+7', CANARY];
      // None of its characters is written the same way everywhere.
      const odd = '"$`\'{}\\';
      for (const values of [several, [odd]]) {
        const redact = redactor(...values);
        for (const value of values) {
          const coloured = `\u001b[1m${value.slice(0, 3)}\u001b[0m${value.slice(3)}`;
          for (const text of [`${value} ${rest}`, `${rest} ${coloured}`]) {
            const [content = ''] = redact('iopub', {
              header: { msg_type: 'error' },
              content: { evalue: text },
            });
            const { evalue } = JSON.parse(content) as { evalue: string };
            t.ok(evalue.includes(MASK) && !evalue.includes(value.slice(3)), JSON.stringify(value));
          }
        }
      }
    },
  );
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
  const [sent] = redacted(new Redactor(delivered), 'v1', payload);
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
  const [sent] = redacted(new Redactor(delivered), 'legacy', payload);
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
        return redacted(redact, wire, payload).map((sent) => sent === payload);
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

t.test('values within and over one another are hidden whole, wherever a stream is cut', async (t) => {
  const value = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 4, maxLength: 7 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 60 });
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 4 }),
      text,
      fc.array(fc.nat(60)),
      (values, whole, cuts) => {
        const pass = redactor(...values);
        const edges = [
          0,
          ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b),
          whole.length,
        ];
        const chunks = edges.slice(1).map((end, index) => whole.slice(edges[index], end));
        const out = texts([
          ...chunks.flatMap((chunk) => pass('iopub', stream(chunk))),
          ...pass('iopub', idle),
        ]);
        const [once = ''] = redactor(...values)('iopub', {
          header: { msg_type: 'error' },
          content: { text: whole },
        });
        return (
          out === (JSON.parse(once) as { text: string }).text && values.every((each) => !out.includes(each))
        );
      },
    ),
    { numRuns: 2000 },
  );
  t.pass('no cut shows more than a whole text would');
});

t.test('a longer value is hidden whole when a shorter one that begins it came first', async (t) => {
  const pass = redactor('abcd', 'abcdefgh');
  t.equal(texts([...pass('iopub', stream('abcd')), ...pass('iopub', stream('efgh.'))]), `${MASK}.`);
});

t.test('what is held back at the end of a value that has been shown as a mask stays hidden', async (t) => {
  const pass = redactor('abab');
  t.equal(texts([...pass('iopub', stream('xabab')), ...pass('iopub', stream('x'))]), `x${MASK}x`);
});

const ESC = '\u001b';
t.test('a value is found between the colours of a traceback, which stay', async (t) => {
  const coloured = `${ESC}[34m'topse${ESC}[0m${ESC}[1mcret'${ESC}[0m`;
  const [content = ''] = redactor('topsecret')('iopub', {
    header: { msg_type: 'error' },
    content: { a: coloured },
  });
  t.equal(JSON.parse(content).a, `${ESC}[34m'${MASK}${ESC}[0m${ESC}[1m'${ESC}[0m`);
});

t.test('ids and dates keep what stands there by chance, and not a value of some length', async (t) => {
  const values = ['2026', 'beef', 'beef1234-0000-4000-8000-00000000cafe'];
  const content = {
    comm_id: '0123beef0123beef0123beef0123beef',
    at: '2026-11-25T04:00:26.902471Z',
    text: 'beef 2026',
  };
  const pass = redactor(...values);
  const [sent = ''] = pass('iopub', { header: { msg_type: 'comm_open', msg_id: 'beef_1' }, content });
  t.same(JSON.parse(sent), { ...content, text: `${MASK} ${MASK}` });
  const [hidden = ''] = pass('iopub', { header: { msg_type: 'comm_open' }, content: { comm_id: values[2] } });
  t.same(JSON.parse(hidden), { comm_id: MASK });
});

t.test("a request's ids stay what the client knows them by", async (t) => {
  const delivered = new Delivered();
  delivered.add(['cell', '2026', 'a-long-value-there'].map((value) => new Secret(value)));
  const header = { msg_id: 'cell-1', date: '2026-11-25T04:00:26Z', username: 'a-long-value-there' };
  const payload = payloadOf('v1', 'iopub', {
    header: { ...header, msg_type: 'error' },
    parent_header: header,
  });
  const [sent] = redacted(new Redactor(delivered), 'v1', payload);
  t.ok(sent);
  if (sent) t.same(JSON.parse(frameOf('v1', sent).text('parent_header')), { ...header, username: MASK });
});

t.test('a stream without a value passes as the same object, and is not written anew', async (t) => {
  const delivered = new Delivered();
  delivered.add([new Secret('topsecret')]);
  const payload = payloadOf('legacy', 'iopub', stream('nothing here'));
  t.equal(redacted(new Redactor(delivered), 'legacy', payload)[0], payload);
  const odd = payloadOf('v1', 'iopub', { header: { msg_type: 'stream' }, content: { name: 1, text: 'x' } });
  t.equal(redacted(new Redactor(delivered), 'v1', odd)[0], odd, 'nor is one of another shape dropped');
});

t.test(
  'a long piece of a value that a kernel did not finish stays hidden; a short one is shown',
  async (t) => {
    const restarting = { header: { msg_type: 'status' }, content: { execution_state: 'restarting' } };
    const pass = redactor('secret-value');
    pass('iopub', stream('a secret-val'));
    t.equal(texts(pass('iopub', restarting)), MASK);
    pass('iopub', stream('a sec'));
    t.equal(texts(pass('iopub', restarting)), 'sec');
  },
);

t.test(
  'output after the end of its cell comes with the next idle, of a running one with its own',
  async (t) => {
    const status = (execution_state: string, parent: string) => ({
      header: { msg_type: 'status' },
      parent_header: { msg_id: parent },
      content: { execution_state },
    });
    const pass = redactor('secret-value');
    pass('iopub', status('busy', 'running'));
    pass('iopub', stream('se', 'stdout', 'running'));
    pass('iopub', stream('sec', 'stdout', 'thread'));
    t.equal(texts(pass('iopub', status('idle', 'other'))), 'sec');
    t.equal(texts(pass('iopub', status('idle', 'running'))), 'se');
  },
);

t.test('the streams that wait are bounded', async (t) => {
  const pass = redactor('secret-value');
  const out = Array.from({ length: 150 }, (_, n) => pass('iopub', stream('se', 'stdout', `cell ${n}`)));
  t.equal(texts(out.flat()), 'se'.repeat(50));
});

t.test('each line of a value is hidden, however the lines are set', async (t) => {
  const key = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\nshort\n-----END KEY-----\n';
  const [content = ''] = redactor(key)('iopub', {
    header: { msg_type: 'error' },
    content: { a: '  | MIIEvQIBADANBgkq\r\n  | hkiG9w0BAQEFAASC\n  | short' },
  });
  t.equal(JSON.parse(content).a, `  | ${MASK}\r\n  | ${MASK}\n  | short`);
});
