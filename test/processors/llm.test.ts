import { ReadableStream } from 'node:stream/web';
import fc from 'fast-check';
import t from 'tap';
import type { Value } from '../../processors/core/value.js';
import { coalesced } from '../../processors/llm/coalesce.js';
import { eventsIn } from '../../processors/llm/event-stream.js';
import { renderPrompt } from '../../processors/llm/prompt.js';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

function cut(bytes: Buffer, size: number): ReadableStream<Uint8Array> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return ReadableStream.from(pieces);
}

t.test('events are the same wherever their bytes are cut', async (t) => {
  for (const end of ['\n', '\r\n', '\r']) {
    const stream = Buffer.from(
      `: comment|data: {"a": "ü😀"}||event: x|data:two|data:  lines|id: 1||||data||data: [DONE]`.replaceAll(
        '|',
        end,
      ),
    );
    for (let size = 1; size < 12; size += 1) {
      t.same(
        await all(eventsIn(cut(stream, size))),
        ['{"a": "ü😀"}', 'two\n lines', '[DONE]'],
        `${JSON.stringify(end)}, ${size} bytes`,
      );
    }
  }
  await t.rejects(all(eventsIn(cut(Buffer.alloc(5 << 20, 'x'), 1 << 20))), { name: 'CellError' });
});

t.test('pieces are joined, in order, with nothing lost', async (t) => {
  const pieces = Array.from({ length: 1000 }, (_, at) => `${at} `);
  const joined = await all(coalesced(ReadableStream.from(pieces)[Symbol.asyncIterator](), 60_000));
  t.equal(joined.join(''), pieces.join(''));
  t.ok(joined.length <= 2, 'the first at once, the others together');
});

t.test('a piece is not held back by a stream that pauses', async (t) => {
  let goOn = () => {};
  async function* stream() {
    yield 'a';
    yield 'b';
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
    throw new Error('the end');
  }
  const texts = coalesced(stream(), 1);
  t.equal((await texts.next()).value, 'a');
  t.equal((await texts.next()).value, 'b', 'while the next one is still awaited');
  goOn();
  await t.rejects(texts.next(), { message: 'the end' });
});

t.test('one who leaves in the middle hears nothing of a failure afterwards', async (t) => {
  async function* stream() {
    yield 'a';
    throw new Error('the service left too');
  }
  const texts = coalesced(stream(), 60_000);
  await texts.next();
  await texts.return();
  await new Promise((resolve) => setImmediate(resolve));
  t.pass('an unhandled rejection would have ended this process');
});

t.test('S11: a table’s content can’t end its fence, nor a field its column', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit: fc.constantFrom(...'`,"\n\rx') }), fc.string())),
      (rows) => {
        const value: Value = {
          type: 'table',
          value: { columns: ['a', 'b'], rows, total: rows.length, all_columns: 2 },
        };
        const text = renderPrompt('{{t}}', new Map([['t', value]]));
        const [, fence = ''] = /^\(table as CSV: \d+ rows\)\n(`+)csv\n/.exec(text) ?? [];
        const inner = text.slice(text.indexOf('csv\n') + 4, -fence.length - 2);
        return fence.length >= 3 && !inner.includes(fence) && text.endsWith(`\n${fence}\n`);
      },
    ),
  );
  t.end();
});
