import type { Job } from '../core/brokered.js';
import type { Page } from '../core/pages.js';
import { untilDone } from '../core/polled.js';
import { CellError } from '../core/processor.js';
import { presentable, shortened } from '../core/refusal.js';
import { decoded } from '../http/content-codings.js';
import { credentialRefusal } from '../http/credential-refusal.js';
import { NoAnswer } from '../http/no-answer.js';
import { placeOf } from '../http/place.js';
import { type JenkinsJob, type JenkinsSettings, openJenkins, refuseStatus } from './requests.js';

/** So much of a log's end is read, in bytes: what is before it is skipped at Jenkins. */
const MOST_BYTES = 4 * 1024 * 1024;
/** So much is read of an answer that doesn't end; in bytes. */
const LARGEST = 64 * 1024 * 1024;

/** A part of a log, as Jenkins gives it. */
interface Part {
  /** Where the next part begins. */
  readonly size: number;
  /** The build runs: there will be more. */
  readonly more: boolean;
}

/**
 * The end of a build's console.
 * Source: https://www.jenkins.io/doc/book/using/remote-access-api/ (progressive console output)
 *
 * @param path of the build
 * @param lines how many of them
 * @param follows until the build has ended
 */
export async function* showLog(
  job: Job<JenkinsSettings>,
  path: string,
  lines: number,
  follows: boolean,
): AsyncGenerator<Page> {
  const log = new LogEnd();
  let part = await readPart(job, path, undefined, log);
  if (follows && part.more) {
    // Only watched: nothing at Jenkins ends with the cell.
    const watched = {
      look: async () => {
        part = await readPart(job, path, part.size, log);
        return part;
      },
      isDone: ({ more }: Part) => !more || Date.now() > job.endsAt - FOLLOW_MARGIN_MS,
      progressOf: () => log.lastLine || 'the build runs',
      cancel: async () => {},
    };
    part = yield* untilDone(watched, job.signal);
  }
  const { text, isCut, shown } = log.last(lines);
  yield { kind: 'content', mediaType: 'text/plain', charset: 'utf-8', data: Buffer.from(text) };
  const cut = isCut ? `The last ${shown.toLocaleString('en')} lines: ask for more with --tail.` : '';
  const running = part.more
    ? follows
      ? 'The build still runs: allow more with --timeout.'
      : 'The build still runs: --follow waits for its end.'
    : '';
  yield { kind: 'end', summary: [cut, running].filter((each) => each !== '').join(' ') };
}

/** A cell whose time is nearly over shows what it has; in milliseconds. */
const FOLLOW_MARGIN_MS = 3_000;

/** The last lines of a build's console, for a sentence. */
export async function lastLines(job: JenkinsJob, path: string, lines: number): Promise<string> {
  const log = new LogEnd();
  await readPart(job, path, undefined, log);
  return log.last(lines).text;
}

/** @param start undefined: so much of the end as is kept */
async function readPart(
  job: JenkinsJob,
  path: string,
  start: number | undefined,
  log: LogEnd,
): Promise<Part> {
  const from = start ?? 0;
  const { status, headers, body } = await openJenkins(job, `${path}logText/progressiveText?start=${from}`);
  try {
    const refused = credentialRefusal('Jenkins', status);
    if (refused !== undefined) throw refused;
    refuseStatus(status, 'log of this build');
    const size = Number(headers['x-text-size']);
    if (headers['x-text-size'] === undefined || !Number.isSafeInteger(size) || size < 0)
      throw new CellError("The answer is not a log of Jenkins: is the connection's url right?");
    if (start === undefined && size > MOST_BYTES) {
      body.destroy();
      log.skip();
      return await readPart(job, path, size - MOST_BYTES, log);
    }
    let read = 0;
    for await (const piece of decoded(body, headers['content-encoding'])) {
      log.add(piece);
      read += piece.length;
      if (read > LARGEST) throw new CellError(`The log goes on for more than ${LARGEST / 1024 ** 2} MiB.`);
    }
    return { size, more: headers['x-more-data'] === 'true' };
  } catch (error) {
    if (error instanceof CellError || job.signal.aborted) throw error;
    throw new NoAnswer(placeOf(new URL(job.settings.url)), error);
  } finally {
    body.destroy();
  }
}

/** The end of a log, however long it is. */
class LogEnd {
  #pieces: Buffer[] = [];
  #size = 0;
  #isCut = false;

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#size += piece.length;
    while (this.#size - (this.#pieces[0]?.length ?? 0) > MOST_BYTES) {
      this.#size -= this.#pieces.shift()?.length ?? 0;
      this.#isCut = true;
    }
  }

  /** There is something before it. */
  skip(): void {
    this.#isCut = true;
  }

  /** For people who wait. */
  get lastLine(): string {
    const end = Buffer.concat(this.#pieces.slice(-4)).subarray(-2_000).toString().trimEnd();
    return shortened(presentable(end.slice(end.lastIndexOf('\n') + 1)), 100);
  }

  last(lines: number): { text: string; isCut: boolean; shown: number } {
    const all = Buffer.concat(this.#pieces).toString().replace(/\r\n/g, '\n').trimEnd().split('\n');
    // The first one may be half a line.
    if (this.#isCut) all.shift();
    const shown = all.slice(-lines);
    return { text: shown.join('\n'), isCut: this.#isCut || shown.length < all.length, shown: shown.length };
  }
}
