import { createParser } from 'eventsource-parser';
import { CellError } from '../core/processor.js';

/** The longest event, in characters. */
const LONGEST = 1024 * 1024;

/**
 * Reads server-sent events as they come, wherever the bytes are cut.
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 *
 * @returns the data of each event; other fields and comments are left out
 * @throws {CellError} when an event does not end
 */
export async function* eventsIn(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const events: string[] = [];
  let isEndless = false;
  const parser = createParser({
    maxBufferSize: LONGEST,
    onEvent: ({ data }) => {
      // One without text, which the standard has too, says nothing.
      if (data !== '') events.push(data);
    },
    onError: ({ type }) => {
      // Fields that aren't known are no failure.
      isEndless ||= type === 'max-buffer-size-exceeded';
    },
  });
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* events.splice(0);
    if (isEndless) throw new CellError('The service sends something else than events.');
  }
  // The standard forgets a last event without an empty line behind it; services leave that line out.
  parser.feed(`${decoder.decode()}\n\n`);
  yield* events;
}
