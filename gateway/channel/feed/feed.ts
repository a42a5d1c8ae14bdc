import type { Traffic } from '../../traffic.js';
import type { Delivered } from '../hidden/delivered.js';
import { type Redacted, Redactor } from '../hidden/redact.js';
import { decode, type Wire } from '../wire/codec.js';
import type { Frame, Payload } from '../wire/frame.js';
import { Gate } from './gate.js';
import { type Entry, isSame, Journal } from './journal.js';
import type { Looks } from './looks.js';

/** One message of a kernel, on its way to a client. */
export interface Said {
  readonly frame: Frame;
  readonly payload: Payload;
  /** Where other clients get it too. */
  readonly entry: Entry | undefined;
}

export interface ViewerParts {
  readonly traffic: Pick<Traffic, 'add'>;
  /** Takes each message, in order, when it may pass. */
  pass(said: Said): void;
  /** Called when messages begin and cease to wait for what other replicas know. */
  onWait(waits: boolean): void;
  /** The waiting messages can't be passed: the caller closes the socket. */
  onFault(error: unknown): void;
}

/**
 * What a kernel says, for all of its clients that speak one encoding. Jupyter sends every client's connection the same
 * bytes on iopub: what one connection has brought is decoded, looked for and redacted once, and known again by its bytes
 * on the others. Each client keeps its connection, so Jupyter's order between the channels, its replay to a session and
 * its limits stay what they are, and no client waits for another.
 */
export class KernelFeed {
  readonly #wire: Wire;
  readonly #delivered: Delivered;
  readonly #looks: Looks | undefined;
  readonly #journal = new Journal();
  #viewers = 0;

  /** @param looks what other replicas know; absent: there are none */
  constructor(wire: Wire, delivered: Delivered, looks: Looks | undefined) {
    this.#wire = wire;
    this.#delivered = delivered;
    this.#looks = looks;
  }

  join(parts: ViewerParts): FeedViewer {
    this.#viewers++;
    const leave = () => {
      this.#viewers--;
      if (!this.#isShared) this.#journal.clear();
    };
    return new FeedViewer(parts, {
      wire: this.#wire,
      delivered: this.#delivered,
      looks: this.#looks,
      journal: this.#journal,
      isShared: () => this.#isShared,
      leave,
    });
  }

  /** With a single client none of this work is done. */
  get #isShared(): boolean {
    return this.#viewers > 1;
  }
}

interface FeedParts {
  readonly wire: Wire;
  readonly delivered: Delivered;
  readonly looks: Looks | undefined;
  readonly journal: Journal;
  isShared(): boolean;
  leave(): void;
}

/** One client's connection: what it brings passes the gate, in order, and is redacted for the client. */
export class FeedViewer {
  readonly #parts: ViewerParts;
  readonly #feed: FeedParts;
  readonly #redactor: Redactor;
  /** Only where there are replicas. */
  readonly #gate: Gate<Said> | undefined;
  /** Number of the message in the journal that the connection brings next, if it lost none; -1 until it has brought one. */
  #cursor = -1;
  #isGone = false;

  constructor(parts: ViewerParts, feed: FeedParts) {
    this.#parts = parts;
    this.#feed = feed;
    this.#redactor = new Redactor(feed.delivered);
    this.#gate =
      feed.looks && new Gate({ ...parts, looks: feed.looks, pass: (said: Said) => parts.pass(said) });
  }

  /** @throws {GatewayError} for what isn't a message: the caller closes the socket */
  take(data: Buffer, binary: boolean): void {
    const entry = this.#feed.isShared() ? this.#known(data, binary) : undefined;
    const frame = entry?.frame ?? decode(this.#feed.wire, data, binary);
    this.#parts.traffic.add('from_kernel', frame.channel, data.length);
    const said = { frame, payload: { data, binary }, entry: entry ?? this.#entered(frame, data, binary) };
    if (!this.#gate?.keeps(said)) this.#parts.pass(said);
  }

  /** What the client gets of it. Each message once, in the order in which they pass. */
  redact({ frame, payload, entry }: Said): Redacted {
    const { step } = entry ?? {};
    const values = this.#feed.delivered.size;
    const before = this.#redactor.state;
    // One that comes in the middle goes on with the others where they hold nothing back of what it has not brought.
    const isAlike = before === step?.before || (before.isNew && step?.before.held.size === 0);
    if (step !== undefined && step.values === values && isAlike) {
      this.#redactor.state = step.after;
      return step.redacted;
    }
    const redacted = this.#redactor.pass(frame, payload);
    if (entry !== undefined && step === undefined)
      entry.step = { before, values, after: this.#redactor.state, redacted };
    return redacted;
  }

  /** The kernel was restarted: no stream of it goes on. @returns what was still held back */
  releaseAll(): readonly Payload[] {
    return this.#redactor.releaseAll();
  }

  /** Resolves when every frame that came has passed; undefined when they have. */
  get settled(): Promise<void> | undefined {
    return this.#gate?.settled;
  }

  /** The connection is closed. */
  leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#gate?.close();
    this.#feed.leave();
  }

  /** @returns what another connection has brought before */
  #known(data: Buffer, binary: boolean): Entry | undefined {
    const { journal } = this.#feed;
    const expected = journal.at(this.#cursor);
    if (expected !== undefined && isSame(expected.payload, data, binary)) {
      this.#cursor++;
      return expected;
    }
    // It is ahead of all others: what it brings is new, and isn't searched for.
    if (this.#cursor === journal.next) return undefined;
    // It came in the middle, or one of the connections has lost some: Jupyter limits the rate of each.
    const found = journal.find(data, binary);
    if (found === undefined) return undefined;
    this.#cursor = found + 1;
    return journal.at(found);
  }

  /** The first that brings a message enters it for the others. */
  #entered(frame: Frame, data: Buffer, binary: boolean): Entry | undefined {
    const { journal } = this.#feed;
    if (frame.channel !== 'iopub' || !this.#feed.isShared()) return undefined;
    const entry: Entry = { frame, payload: { data, binary }, step: undefined };
    journal.append(entry);
    this.#cursor = journal.next;
    return entry;
  }
}
