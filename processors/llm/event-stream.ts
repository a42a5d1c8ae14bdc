import { CellError } from '../core/processor.js';

/** An event that goes on beyond this is none, in characters. */
const LONGEST = 1024 * 1024;

/**
 * Reads server-sent events as they come, wherever the bytes are cut.
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 *
 * @returns the data of each event; other fields and comments are left out
 */
export async function* eventsIn(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  // The beginning of a line in pieces: joined once, when its end has come.
  let open: string[] = [];
  let size = 0;
  let data: string[] = [];
  let endedByReturn = false;
  for await (const chunk of body) {
    let text = decoder.decode(chunk, { stream: true });
    if (text === '') continue;
    if (endedByReturn && text.startsWith('\n')) text = text.slice(1);
    endedByReturn = text.endsWith('\r');
    const lines = text.split(/\r\n|\n|\r/);
    const rest = lines.pop() ?? '';
    for (const end of lines) {
      const line = open.join('') + end;
      open = [];
      if (line !== '') {
        data.push(...dataOf(line));
        size += end.length;
      } else {
        if (data.length > 0) yield data.join('\n');
        data = [];
        size = 0;
      }
      if (size > LONGEST) throw somethingElse();
    }
    if (rest === '') continue;
    open.push(rest);
    size += rest.length;
    if (size > LONGEST) throw somethingElse();
  }
  // Servers leave out the empty line that should end the last event.
  data.push(...dataOf(open.join('')));
  if (data.length > 0) yield data.join('\n');
}

function somethingElse(): CellError {
  return new CellError('The service sends something else than events.');
}

function dataOf(line: string): string[] {
  return line.startsWith('data:') ? [line.slice(line[5] === ' ' ? 6 : 5)] : [];
}
