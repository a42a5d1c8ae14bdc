import { CellError } from '../processor.js';

/** A line that goes on beyond this isn't an event, in characters. */
const LONGEST = 4 * 1024 * 1024;

/**
 * Reads server-sent events as they come, wherever the bytes are cut.
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 *
 * @returns the data of each event; other fields and comments are left out
 */
export async function* eventsIn(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  for await (const chunk of body) {
    // A carriage return at the end may be half of a line's end.
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST) throw new CellError('The service sends something else than events.');
    for (const line of lines) {
      if (line !== '') data.push(...dataOf(line));
      else if (data.length > 0) {
        yield data.join('\n');
        data = [];
      }
    }
  }
  // Servers leave out the empty line that should end the last event.
  data.push(...dataOf(rest.replace(/\r$/, '')));
  if (data.length > 0) yield data.join('\n');
}

function dataOf(line: string): string[] {
  return line.startsWith('data:') ? [line.slice(line[5] === ' ' ? 6 : 5)] : [];
}
