import t from 'tap';
import { SentFrames } from '../../gateway/channel/link/sent-frames.js';

/** Frames as a socket reads them: parts of one buffer, with a byte between them. */
function chunk(...texts: readonly string[]) {
  const bytes = texts.map((text) => `|${text}`).join('');
  const memory = Buffer.from(new ArrayBuffer(bytes.length));
  memory.write(bytes);
  let at = 0;
  return texts.map((text) => {
    at += 1 + text.length;
    return { data: memory.subarray(at - text.length, at), binary: text !== 'text' };
  });
}

const shown = (frames: SentFrames) =>
  frames.take().map(({ data, binary }) => `${data.toString()}${binary ? '' : '*'}`);

t.test('W11: frames come back as they were sent, in their order', async (t) => {
  const frames = new SentFrames(1000);
  const all = [...chunk('a', 'text'), ...chunk('b'), { data: 'words', binary: false }, ...chunk('c', 'd')];
  for (const frame of all) frames.add(frame);
  t.equal(frames.added, 6);
  t.same(shown(frames), ['a', 'text*', 'b', 'words*', 'c', 'd']);
  t.ok(frames.isEmpty);
  t.same(shown(frames), [], 'and once');
});

t.test('W11: what was heard is forgotten, frame by frame', async (t) => {
  for (let heard = 0; heard <= 5; heard++) {
    const frames = new SentFrames(1000);
    for (const frame of [...chunk('a', 'b', 'c'), ...chunk('d', 'e')]) frames.add(frame);
    frames.forget(Math.min(1, heard));
    frames.forget(heard);
    frames.forget(heard);
    t.equal(frames.isEmpty, heard === 5);
    for (const frame of chunk('f')) frames.add(frame);
    t.same(shown(frames), ['a', 'b', 'c', 'd', 'e', 'f'].slice(heard), `${heard} heard`);
  }
});

t.test('W11: beyond the limit the oldest are forgotten, and the newest is always there', async (t) => {
  const frames = new SentFrames(10);
  for (let at = 0; at < 100; at++) for (const frame of chunk('1234', '5678')) frames.add(frame);
  frames.forget(3);
  t.same(shown(frames), ['1234', '5678']);
  for (const frame of chunk('a'.repeat(100))) frames.add(frame);
  t.same(shown(frames), ['a'.repeat(100)]);
});

t.test('W11: it tells how many that may be needed it could not keep', async (t) => {
  const frames = new SentFrames(10);
  for (const text of ['aaaa', 'bbbb', 'cccc', 'dddd']) for (const frame of chunk(text)) frames.add(frame);
  t.same(frames.lost, { messages: 2, bytes: 8 });
  frames.forget(1);
  t.equal(frames.lost.messages, 1, 'the first one was heard');
  frames.forget(2);
  t.same(frames.lost, { messages: 0, bytes: 0 });
  t.same(shown(frames), ['cccc', 'dddd']);
});
