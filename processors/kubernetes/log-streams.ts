import { type LogLine, linesOf } from './log-lines.js';
import type { ComingAnswer } from './requests.js';

/** A container whose log is read. */
export interface Container {
  readonly pod: string;
  readonly name: string;
}

export interface ContainerLine extends LogLine {
  readonly container: Container;
}

/** The log of one container, line by line. */
class Stream {
  readonly container: Container;
  readonly #answer: ComingAnswer;
  readonly #lines: AsyncGenerator<LogLine[], void>;
  #batch: LogLine[] = [];
  #at = 0;

  constructor(container: Container, answer: ComingAnswer) {
    this.container = container;
    this.#answer = answer;
    this.#lines = linesOf(answer.body);
  }

  /** The next line of those that have come; undefined when more has to come. */
  get head(): LogLine | undefined {
    return this.#batch[this.#at];
  }

  /** Takes the head. @returns whether there is another one */
  async take(): Promise<boolean> {
    this.#at += 1;
    return this.head !== undefined || this.begin();
  }

  async begin(): Promise<boolean> {
    const lines = await this.batch();
    [this.#batch, this.#at] = [lines ?? [], 0];
    return lines !== undefined;
  }

  /** All lines that have come. */
  async batch(): Promise<LogLine[] | undefined> {
    const { done, value } = await this.#lines.next();
    return done ? undefined : value;
  }

  close(): void {
    this.#answer.close();
  }
}

/** Lines of one page. */
const BATCH_LINES = 2_000;
const BATCH_CHARACTERS = 512 * 1024;

export type OpenLog = readonly [Container, ComingAnswer];

/** The lines of several logs in the order of their times: of each log only a piece is in memory. */
export async function* byTime(logs: readonly OpenLog[]): AsyncGenerator<ContainerLine[], void> {
  const streams = logs.map(([container, answer]) => new Stream(container, answer));
  try {
    let batch: ContainerLine[] = [];
    let size = 0;
    const left = new Set<Stream>();
    for (const stream of streams) if (await stream.begin()) left.add(stream);
    while (left.size > 0) {
      const stream = earliest(left);
      const { head } = stream;
      if (head !== undefined) batch.push({ ...head, container: stream.container });
      size += head?.message.length ?? 0;
      if (!(await stream.take())) left.delete(stream);
      if (batch.length < BATCH_LINES && size < BATCH_CHARACTERS) continue;
      yield batch;
      [batch, size] = [[], 0];
    }
    if (batch.length > 0) yield batch;
  } finally {
    for (const stream of streams) stream.close();
  }
}

function earliest(streams: ReadonlySet<Stream>): Stream {
  let first: Stream | undefined;
  // Digits of the same number, for some centuries.
  const timeOf = (stream: Stream | undefined) => stream?.head?.time ?? '';
  for (const stream of streams) if (first === undefined || timeOf(stream) < timeOf(first)) first = stream;
  if (first === undefined) throw new TypeError('no stream is left');
  return first;
}

/** What came of a log that is followed: lines, or why there are no more. */
export type Followed = readonly ContainerLine[] | { readonly container: Container; readonly error: unknown };

/**
 * The lines of several logs as they come, until all have ended. Each is opened by itself: a container that has said
 * nothing yet doesn't answer, and must not keep the others waiting.
 */
export async function* asTheyCome(
  containers: readonly Container[],
  open: (container: Container) => Promise<ComingAnswer>,
): AsyncGenerator<Followed, void> {
  const streams = new Set<Stream>();
  const opened = async (container: Container) => {
    const stream = new Stream(container, await open(container));
    streams.add(stream);
    return stream;
  };
  const next = async (container: Container, coming: Promise<Stream>) => {
    try {
      const batch = await (await coming).batch();
      return { container, coming, batch, error: undefined };
    } catch (error) {
      return { container, coming, batch: undefined, error };
    }
  };
  try {
    const waiting = new Map(
      containers.map((container) => [container, next(container, opened(container))] as const),
    );
    while (waiting.size > 0) {
      const { container, coming, batch, error } = await Promise.race(waiting.values());
      if (batch === undefined) {
        waiting.delete(container);
        if (error !== undefined) yield { container, error };
      } else {
        waiting.set(container, next(container, coming));
        yield batch.map((line) => ({ ...line, container }));
      }
    }
  } finally {
    for (const stream of streams) stream.close();
  }
}
