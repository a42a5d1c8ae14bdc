import { StringDecoder } from 'node:string_decoder';
import { microseconds } from './objects.js';

/** A line of a container's log. */
export interface LogLine {
  /** Microseconds since 1970 as digits; null where the runtime wrote none. */
  readonly time: string | null;
  readonly message: string;
}

/** A longer line is cut, in characters: the rest of it would be kept until its end comes. */
const LONGEST_LINE = 256 * 1024;

/**
 * The lines of a log as they come, with the time that `timestamps=true` writes before each.
 * Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod
 */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<LogLine[], void> {
  const decoder = new StringDecoder('utf8');
  let open = '';
  let isCut = false;
  for await (const piece of body) {
    const lines = decoder.write(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)).split('\n');
    const last = lines.pop() ?? '';
    const whole: LogLine[] = [];
    for (const line of lines) {
      whole.push(lineOf(open + (isCut ? '' : line), isCut));
      open = '';
      isCut = false;
    }
    if (!isCut) open += last;
    if (open.length > LONGEST_LINE) isCut = true;
    if (isCut) open = open.slice(0, LONGEST_LINE);
    if (whole.length > 0) yield whole;
  }
  if (open !== '') yield [lineOf(open + decoder.end(), isCut)];
}

function lineOf(text: string, isCut: boolean): LogLine {
  const end = text.indexOf(' ');
  const time = end < 0 ? null : microseconds(text.slice(0, end));
  const message = (time === null ? text : text.slice(end + 1)).replace(/\r$/, '');
  return {
    time,
    message: isCut || message.length > LONGEST_LINE ? `${message.slice(0, LONGEST_LINE)}…` : message,
  };
}
