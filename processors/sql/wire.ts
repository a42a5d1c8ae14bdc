import { type NetConnectOpts, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { refusingLinkLocal } from '../core/link-local.js';
import { CellError } from '../core/processor.js';

/** How long a database may take to greet, in milliseconds. */
export const GREETING_MS = 10_000;

/** The largest row, in bytes: it is held as a whole, some times over, while it is read and written again. */
const LARGEST = 64 * 1024 ** 2;
/** All that a database may send for one statement, in bytes: twice what a kernel may get of it. */
const MOST = 8 * 1024 ** 3;

/** Something that a database sends is too large to be taken. */
export class TooLarge extends CellError {}

/** How the messages of a protocol begin. */
export interface Framing {
  /** In bytes. */
  readonly header: number;
  /** @returns the bytes behind the header that begins there */
  length(bytes: Buffer, at: number): number;
  /** Whether the message goes on in the next one. */
  goesOn(length: number): boolean;
}

/** Knows from its head that a message is too large, before any of it is kept; and counts what comes. */
export class SizeCheck {
  readonly #framing: Framing;
  readonly #head: Buffer;
  #headLength = 0;
  /** Of the message that comes now. */
  #left = 0;
  /** Of one that comes in several parts. */
  #joined = 0;
  #total = 0;
  /** Before the first statement, what is that large comes from no database. */
  #isGreeting = true;

  constructor(framing: Framing) {
    this.#framing = framing;
    this.#head = Buffer.alloc(framing.header);
  }

  /** A statement begins. */
  restart(): void {
    this.#total = 0;
    this.#isGreeting = false;
  }

  /** @throws {TooLarge} @throws {Error} for what no database says while it greets */
  see(chunk: Buffer): void {
    this.#total += chunk.length;
    if (this.#total > MOST)
      throw new TooLarge(
        `The database sent more than ${MOST / 1024 ** 3} GiB for one statement. Ask for less.`,
      );
    const { header } = this.#framing;
    for (let at = 0; at < chunk.length; ) {
      if (this.#left > 0) {
        const seen = Math.min(this.#left, chunk.length - at);
        this.#left -= seen;
        at += seen;
      } else if (this.#headLength === 0 && at + header <= chunk.length) {
        this.#begin(this.#framing.length(chunk, at));
        at += header;
      } else {
        this.#head[this.#headLength++] = chunk[at++] ?? 0;
        if (this.#headLength < header) continue;
        this.#headLength = 0;
        this.#begin(this.#framing.length(this.#head, 0));
      }
    }
  }

  #begin(length: number): void {
    const goesOn = this.#framing.goesOn(length);
    const size = this.#joined + length;
    if (size > LARGEST) {
      if (this.#isGreeting) throw new Error('nonsense');
      const most = `${LARGEST / 1024 ** 2} MiB`;
      const found = goesOn
        ? `larger than ${most}`
        : `${Math.ceil(size / 1024 ** 2).toLocaleString('en')} MiB`;
      throw new TooLarge(
        `A row of the result is ${found}: the limit is ${most}. ` +
          'Ask for a part of its values, e.g. left(column, 1000).',
      );
    }
    this.#left = length;
    this.#joined = goesOn ? size : 0;
  }
}

/**
 * When a server sends nonsense, a driver throws where no caller can catch the error. That must end the connection,
 * not the process (invariant S14).
 *
 * @param check what comes, before the driver reads it
 */
export function outliveNonsense(stream: Duplex, check?: SizeCheck): void {
  const emit = stream.emit.bind(stream);
  stream.emit = (event: string | symbol, ...parts: unknown[]) => {
    if (event !== 'data') return emit(event, ...parts);
    try {
      if (Buffer.isBuffer(parts[0])) check?.see(parts[0]);
      return emit(event, ...parts);
    } catch (cause) {
      const nonsense = Object.assign(new Error('nonsense', { cause }), { code: 'NONSENSE' });
      stream.destroy(cause instanceof TooLarge ? cause : nonsense);
      return true;
    }
  };
}

/** A socket that doesn't follow a name to where machines get their own credentials (invariant S12). */
export class GuardedSocket extends Socket {
  constructor(check?: SizeCheck) {
    super();
    outliveNonsense(this, check);
  }

  override connect(...args: unknown[]): this {
    const [port, host] = args;
    const where: NetConnectOpts =
      typeof host === 'string'
        ? { port: Number(port), host, lookup: refusingLinkLocal }
        : (port as NetConnectOpts);
    return super.connect(where);
  }
}
