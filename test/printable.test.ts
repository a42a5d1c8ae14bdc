import t from 'tap';
import { createLog } from '../gateway/log.js';
import { createPrinter } from '../gateway/oneshot/print.js';
import { forPeople } from '../gateway/people-log.js';
import { printable, printableLines, printableOutput } from '../gateway/printable.js';

/** Clears the screen, sets the clipboard, forges a line, begins a sequence as C1 does, and turns text round. */
const HOSTILE = 'v1\x1b[2J\x1b]52;c;aGk=\x07\r\nok\tforged\x9b31m\x7f\u202Eteg\u2028end';
const COMMANDING = /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u;

t.test('X15: what would command a terminal is shown, not sent', async (t) => {
  t.equal(
    printable(HOSTILE),
    'v1\\x1b[2J\\x1b]52;c;aGk=\\x07\\r\\nok\\tforged\\x9b31m\\x7f\\u202eteg\\u2028end',
  );
  t.equal(printable('Zürich – 東京 🚀 عربى'), 'Zürich – 東京 🚀 عربى', 'text of any language is text');
  t.equal(printableLines('one\ntwo\x1b[1m'), 'one\ntwo\\x1b[1m');
});

t.test('X15: a cell’s output keeps what a notebook’s page would show of it', async (t) => {
  const bar = '\x1b[31mred\x1b[0m 10%\r20%\b\b\b30%\n\ttab';
  t.equal(printableOutput(bar, true), bar);
  t.equal(printableOutput(bar, false), 'red 10%\r20%\b\b\b30%\n\ttab');
  const said = printableOutput(`\x1b[1m${HOSTILE}\x1b[0m`, true);
  t.equal(said, '\x1b[1mv1\r\nok\tforged\\x9b31m\\x7f\u202Eteg\u2028end\x1b[0m');
  t.equal(printableOutput('a\x1b', true), 'a\\x1b', 'the beginning of a sequence too');
  const long = '\x1b]'.repeat(100_000);
  const begun = performance.now();
  printableOutput(long, true);
  t.ok(performance.now() - begun < 5_000, 'in linear time');
});

t.test('X15: no line of the log commands, for people or as JSON', async (t) => {
  const record = { level: 'warn', time: '2026-11-29T16:00:00.000Z', msg: HOSTILE, [HOSTILE]: { a: HOSTILE } };
  t.notMatch(forPeople(record, { coloured: false, columns: 80 }).replaceAll('\n', ''), COMMANDING);
  const chunks: string[] = [];
  const log = createLog('info', (line) => void chunks.push(line));
  log.warn({ says: HOSTILE }, HOSTILE);
  t.equal(JSON.parse(chunks.join('')).says, HOSTILE, 'nothing of it is lost');
});

t.test('X15: a colour that a kernel cuts in two is one, and the rest of a cell is not lost', async (t) => {
  const printed: string[] = [];
  const printer = createPrinter('text', (text) => void printed.push(text), true);
  const stream = (text: string) => ({ output_type: 'stream', name: 'stdout', text });
  for (const part of ['a\x1b', '[3', '1mred\x1b[0', 'm b\x1b[2', 'J c\x1b']) printer.shown(stream(part));
  t.equal(printed.join(''), 'a\x1b[31mred\x1b[0m b c');
  const cell = { cell_type: 'code' as const, metadata: {}, source: '' };
  printer.ended({ index: 0, cell, status: 'ok', seconds: 0, isLossy: false });
  t.equal(printed.join(''), 'a\x1b[31mred\x1b[0m b c\\x1b');
});
