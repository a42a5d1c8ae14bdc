import t from 'tap';
import { PageMask } from '../../gateway/channel/broker/mask.js';
import { Delivered } from '../../gateway/channel/hidden/delivered.js';
import { MASK } from '../../gateway/channel/hidden/masked.js';
import { Redactor } from '../../gateway/channel/hidden/redact.js';
import type { Payload } from '../../gateway/channel/wire/frame.js';
import type { Content, Page } from '../../processors/core/pages.js';
import { Secret } from '../../processors/core/secret.js';
import { frameOf, payloadOf } from '../support/frames.js';
import { redacted } from '../support/redacted.js';

/** 54 characters, as pandas' 46 of 54. */
const LONG = 'sk-live-0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w';
const ODD = `pa'ss"w$o/r&d<\\+é b\`{{x}}-tail`;

function delivered(...values: string[]): Delivered {
  const result = new Delivered();
  result.add(values.map((value) => new Secret(value)));
  return result;
}

/** What a client gets of a text in a display, whichever way the frame comes. */
function shown(text: string, ...values: string[]): string {
  const payload = payloadOf('v1', 'iopub', {
    header: { msg_type: 'display_data' },
    content: { data: { 'text/plain': text } },
  });
  const [sent] = redacted(new Redactor(delivered(...values)), 'v1', payload);
  if (!sent) throw new Error('nothing came');
  return String(
    (JSON.parse(frameOf('v1', sent).text('content')) as { data: object }).data['text/plain' as never],
  );
}

t.test('X6: a long beginning or end of a value beside an ellipsis is hidden', async (t) => {
  const cut: Readonly<Record<string, string>> = {
    'pandas, 46 characters': `0  ${LONG.slice(0, 46)}...`,
    reprlib: `'${LONG.slice(0, 12)}...${LONG.slice(-13)}'`,
    '%whos': `x   str   ${LONG.slice(0, 25)}<...>${LONG.slice(-25)}`,
    'Verbose tracebacks (pydoc)': `x = '${LONG.slice(0, 40)}...${LONG.slice(-20)}'`,
    'one character': `${LONG.slice(0, 30)}…`,
    'before it': `…${LONG.slice(-30)}`,
    textwrap: `${LONG.slice(0, 20)} [...]`,
    "Node's quotes": `'${LONG.slice(0, 20)}'... 34 more characters`,
    "R's str": ` chr "${LONG.slice(0, 40)}"| __truncated__ ...`,
    HTML: `<td>${LONG.slice(0, 46)}&hellip;</td>`,
    'numpy and lists': `['${LONG.slice(0, 30)}...', ...]`,
    unittest: `'${LONG.slice(0, 40)}[${LONG.length - 45} chars]${LONG.slice(-5)}' != 'y'`,
    'rich, also in tracebacks': `token = '${LONG.slice(0, 30)}'+${LONG.length - 30}`,
    'cut twice (pydoc)': `x = '${LONG.slice(0, 20)}...${LONG.slice(-25, -8)}...`,
  };
  for (const [name, text] of Object.entries(cut)) {
    const out = shown(text, LONG);
    t.match(out, MASK, name);
    for (let at = 0; at + 12 <= LONG.length; at++)
      if (out.includes(LONG.slice(at, at + 12))) t.fail(`${name} shows ${LONG.slice(at, at + 12)}`);
  }
});

t.test('X6: a short piece beside an ellipsis stays, and so does every other text', async (t) => {
  for (const text of [
    'https://…',
    'sk-live-0a1...',
    `loading… sk-live-0a1B`,
    'Downloading... done',
    `${LONG.slice(0, 20)} and more`,
    'a...b',
    '...',
    '[65 chars]',
    `'x'+65`,
  ])
    t.equal(shown(text, LONG, 'https://example.com/path'), text);
});

/** The least of some times that a work takes, in milliseconds. */
function leastMs(work: () => void): number {
  const times = Array.from({ length: 3 }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return Math.min(...times);
}

t.test('X7: what one letter of a value is everywhere costs no more for a longer value', async (t) => {
  const text = 'the quick brown fox jumps over the lazy dog 0123456789 k z w Q h '.repeat(2_000);
  const odd = 'k&7$h!Q@z#1%w^';
  const short = delivered(odd);
  const long = delivered(odd.repeat(20));
  const [first, second] = [leastMs(() => short.hide(text)), leastMs(() => long.hide(text))];
  t.ok(second < 5 * first + 20, `${first.toFixed(0)} and ${second.toFixed(0)} ms`);
  for (const value of [odd, odd.repeat(20)]) {
    const values = delivered(value);
    for (const place of [0, 65 * 1_000 + 7, text.length])
      t.notMatch(
        values.hide(text.slice(0, place) + JSON.stringify(value) + text.slice(place)),
        value.slice(0, 12),
      );
  }
});

t.test('X7: many ellipses cost no more for many values', async (t) => {
  const text = 'epoch 1 ... '.repeat(20_000);
  const one = delivered(LONG);
  const many = delivered(
    ...Array.from({ length: 30 }, (_, at) => LONG.replaceAll('0', String.fromCharCode(65 + at))),
  );
  const [first, second] = [leastMs(() => one.hide(text)), leastMs(() => many.hide(text))];
  t.ok(second < 5 * first + 20, `${first.toFixed(0)} and ${second.toFixed(0)} ms`);
});

t.test('X6: values as CSV, MarkupSafe, bash, YAML, ascii() and others write them', async (t) => {
  const words = `two words, 'single' and "double" \\ back $x \`y\` é tail-end`;
  const written: Readonly<Record<string, string>> = {
    CSV: `a,"${ODD.replaceAll('"', '""')}",b`,
    'SQL and YAML': `'${ODD.replaceAll("'", "''")}'`,
    MarkupSafe: ODD.replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll("'", '&#39;')
      .replaceAll('"', '&#34;'),
    XML: ODD.replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll("'", '&apos;')
      .replaceAll('"', '&quot;'),
    'declare -p': `declare -- X="${ODD.replace(/["\\$`]/g, '\\$&')}"`,
    'printf %q': ODD.replace(/[^\w@%+=:,./é-]/g, '\\$&'),
    're.escape': ODD.replace(/[^\w]/g, '\\$&'),
    'ascii()': `'${ODD.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('é', '\\xe9')}'`,
  };
  for (const [name, text] of Object.entries(written)) {
    const out = shown(text, ODD);
    t.notMatch(out, 'tail', `${name}: ${out}`);
  }
  t.notMatch(
    shown(`k: "two words, 'single' and \\"double\\" \\\\ back $x\\\n  \\ \`y\` \\xE9 tail-end"`, words),
    'tail',
    'folded YAML',
  );
  t.notMatch(
    shown(`('two words, \\'single\\' and '\n '"double" \\\\ back $x \`y\` é tail-end')`, words),
    'tail',
    'pprint',
  );
  t.notMatch(shown(harmless(ODD), ODD), 'tail', 'as the helper writes Markdown of a model');
});

function harmless(text: string): string {
  return text
    .replace(/[&<]/g, (each) => (each === '&' ? '&amp;' : '&lt;'))
    .replace(/[\\$]/g, (each) => `<span>&#${each.charCodeAt(0)};</span>`);
}

t.test('X16: what a legacy frame says beside its parts is hidden too', async (t) => {
  const text = JSON.stringify({
    msg_type: LONG,
    [LONG]: 1,
    channel: 'iopub',
    msg_id: `a ${LONG}`,
    content: { data: LONG },
    header: { msg_id: 'a', msg_type: 'display_data' },
    parent_header: { msg_id: 'p' },
    metadata: {},
    content_: { deep: [LONG] },
    buffers: [],
  }).replace('"metadata"', `"content":{"data":"${LONG}"},"metadata"`);
  const redactor = new Redactor(delivered(LONG));
  const payload: Payload = { data: text, binary: false };
  const [sent] = redacted(redactor, 'legacy', payload);
  t.equal(String(sent?.data), text.replaceAll(LONG, MASK), 'all else stays as it came');
  const untouched: Payload = { data: text.replaceAll(LONG, 'other'), binary: false };
  t.equal(redacted(redactor, 'legacy', untouched)[0], untouched);
});

t.test(
  'X20: a value of one repeated character is found in a long run of it within little memory',
  async (t) => {
    const zeros = delivered('0000', 'abababab');
    const run = '0'.repeat(20_000_000);
    const before = process.memoryUsage();
    t.equal(zeros.hide(run), MASK);
    t.equal(zeros.hide(`x${'ab'.repeat(1_000_000)}a`), `x${MASK}a`);
    t.equal(String(zeros.hideBytes(Buffer.from('1000001'))), '1*****1');
    const after = process.memoryUsage();
    t.ok(after.heapUsed + after.external - before.heapUsed - before.external < 150e6);
    const long = delivered('0'.repeat(60_000));
    const cpu = process.cpuUsage();
    t.equal(long.hideChunk(`${'0'.repeat(59_000)}1`).shown.length, 59_001);
    t.equal(long.hideChunk(`1${'0'.repeat(59_000)}`).end.text.length, 59_000);
    t.equal(delivered(`${'0'.repeat(60_000)}1`).hideChunk('0'.repeat(200_000)).end.text.length, 60_000);
    t.ok(process.cpuUsage(cpu).user < 10e6, 'in one pass, not one for each character');
  },
);

async function answered(
  data: Buffer,
  secret: string,
  more: Partial<Content> = {},
): Promise<{ readonly data: Buffer; readonly charset: string }> {
  const mask = new PageMask();
  mask.hide(new Secret(secret));
  const page: Page = { kind: 'content', mediaType: 'application/json', charset: 'utf-8', ...more, data };
  async function* one() {
    yield page;
  }
  const pieces: Uint8Array[] = [];
  let charset = '';
  for await (const each of mask.pages(one(), new AbortController().signal)) {
    const content = each as Content;
    pieces.push(...(content.data instanceof Uint8Array ? [content.data] : content.data));
    charset = content.charset;
  }
  return { data: Buffer.concat(pieces), charset };
}

t.test('X5: a credential that a service escapes in its answer is hidden', async (t) => {
  const secret = 'aB3/xY+9&q=z<>"w-é.end';
  const json = JSON.stringify({ before: 1, echo: secret, after: [true] });
  const unicode = (text: string) =>
    [...text].map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
  const hex = (number: number) => number.toString(16).toUpperCase().padStart(2, '0');
  const escaped: Readonly<Record<string, string>> = {
    'PHP: \\/': json.replaceAll('/', '\\/'),
    'Go and Rails: \\u0026, \\u003c': json.replace(/[&<>+]/g, unicode),
    'upper case': json.replace(/[&<>+/é]/g, (each) => `\\u00${hex(each.charCodeAt(0))}`),
    'every character': `{"echo":"${unicode(secret)}"}`,
    'JSON in JSON': JSON.stringify({ body: json.replaceAll('/', '\\/') }),
    'JSON in JSON in JSON': JSON.stringify({ a: JSON.stringify({ body: json.replace(/[&/]/g, unicode) }) }),
    'HTML by numbers': `<p>${[...secret].map((each) => `&#${each.codePointAt(0)};`).join('')}</p>`,
    'HTML by hexadecimal numbers': `<p>${[...secret].map((each) => `&#x${hex(each.codePointAt(0) ?? 0)};`).join('')}</p>`,
    'HTML by names': secret.replace(
      /[&<>"/+=]/g,
      (each) =>
        `&${{ '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', '/': 'sol', '+': 'plus', '=': 'equals' }[each]};`,
    ),
    'percent of all': [...Buffer.from(secret)].map((byte) => `%${hex(byte)}`).join(''),
    'percent twice': encodeURIComponent(encodeURIComponent(secret)),
    'lower case percent': encodeURIComponent(secret).toLowerCase().replace('ab3', 'aB3').replace('xy', 'xY'),
    JavaScript: `'${secret.replace(/["<>&]/g, (each) => `\\x${hex(each.charCodeAt(0))}`)}'`,
  };
  for (const [name, text] of Object.entries(escaped)) {
    const { data } = await answered(Buffer.from(text), secret);
    const out = data.toString();
    t.match(out, MASK, name);
    t.notMatch(out, /xY|end|\\u0078|&#120;|&#x78;|%78/, `${name}: ${out}`);
  }
  const { data } = await answered(Buffer.from(escaped['PHP: \\/'] ?? ''), secret);
  t.same(JSON.parse(data.toString()), { before: 1, echo: MASK, after: [true] }, 'the rest is what it was');
});

t.test('X5: and one in an encoding that a search of bytes would not see', async (t) => {
  const secret = 'aB3-xY9-secret/é';
  const json = JSON.stringify({ echo: secret });
  const utf16 = Buffer.from(json, 'utf16le');
  const utf32 = Buffer.from(Uint32Array.from(json, (each) => each.codePointAt(0) ?? 0).buffer);
  const ways: readonly (readonly [string, Buffer, Partial<Content>])[] = [
    ['utf-16le', utf16, { charset: 'utf-16le' }],
    ['utf-16be', Buffer.from(utf16).swap16(), { charset: 'utf-16be' }],
    ['utf-16 with a mark', Buffer.from(`\ufeff${json}`, 'utf16le'), { charset: 'utf-16' }],
    ['not said', utf16, {}],
    ['not said, other order', Buffer.from(utf16).swap16(), {}],
    [
      'utf-16, escaped',
      Buffer.from(json.replaceAll('/', '\\/').replaceAll('-', '\\u002D'), 'utf16le'),
      { charset: 'utf-16le' },
    ],
    ['utf-32', utf32, { charset: 'utf-32' }],
    ['bytes', Buffer.concat([Buffer.from([1, 0]), utf16]), { mediaType: 'application/octet-stream' }],
  ];
  for (const [name, bytes, more] of ways) {
    const { data, charset } = await answered(bytes, secret, more);
    const out = data;
    t.notMatch(out.toString('utf8').replaceAll('\0', ''), 'secret', name);
    if (name !== 'bytes') t.same(JSON.parse(out.toString()), { echo: MASK }, `${name}: ${charset}`);
  }
  // What Python would read in an encoding that hides it, it reads as UTF-8.
  for (const charset of ['utf-7', 'cp037', 'unicode_escape', 'punycode', 'rot13'])
    t.equal((await answered(Buffer.from('x'), secret, { charset })).charset, 'utf-8');
  t.equal((await answered(Buffer.from('x'), secret, { charset: 'iso-8859-1' })).charset, 'iso-8859-1');
});

t.test('X5: wherever it stands in a long answer, once', async (t) => {
  const secret = 'credential/0123456789';
  const filler = JSON.stringify({ text: 'x'.repeat(1000) });
  for (const shift of [0, 5, 11, 262_120, 262_130, 262_144]) {
    const text = `${filler.repeat(300).slice(0, 262_144 - 20 + shift)} ${secret.replace('/', '\\/')} ${filler.repeat(300)}`;
    const { data } = await answered(Buffer.from(text), secret);
    t.equal(data.toString(), text.replace(secret.replace('/', '\\/'), MASK), `at ${shift}`);
  }
});

t.test('X5: tables and texts of a service are read the same way', async (t) => {
  const mask = new PageMask();
  mask.hide(new Secret('aB3/xY+9&q'));
  const json = mask.json({
    kind: 'rows',
    rows: [['{"echo":"aB3\\/xY\\u002B9\\u0026q"}', 'a&#66;3/xY+9&amp;q', 7]],
  });
  t.same(JSON.parse(json), { kind: 'rows', rows: [[`{"echo":"${MASK}"}`, MASK, 7]] });
});
