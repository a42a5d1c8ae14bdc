import { type Frame, type JsonObject, type Payload, readObject } from '../wire/frame.js';
import { type Header, type MessageWriter, parentId, readHeader } from '../wire/messages.js';
import type { Loss } from './loss.js';

/** A request of the gateway to a kernel. */
export interface OwnRequest {
  readonly type: `${string}_request`;
  /** The client's request that it is made for: it goes to the same session and subshell. */
  readonly from: Header;
  readonly content: object;
  /**
   * A kernel that starts is asked again: what waits may have been sent to the one before it, or wait in the queue of
   * this one. Whichever answer comes first counts.
   */
  readonly again?: boolean;
}

interface Waiting {
  readonly request: OwnRequest;
  /** @param reply the reply's content; undefined when none will come */
  readonly settle: (reply: JsonObject | undefined) => void;
  /** How often it has been sent. */
  readonly sent: number;
  isReplied: boolean;
  isIdle: boolean;
}

/** How often one is sent to kernels that start before they answer. One that starts more isn't a kernel (S15). */
const MOST_SENT = 10;

/** The gateway's requests to a kernel, in one client's session: only the gateway gets the answers, never the client. */
export class OwnRequests {
  readonly #waiting = new Map<string, Waiting>();
  readonly #writer: MessageWriter;
  readonly #send: (payload: Payload) => void;

  constructor(writer: MessageWriter, send: (payload: Payload) => void) {
    this.#writer = writer;
    this.#send = send;
  }

  /** @returns the content of the reply; undefined when the kernel ended or the client left before */
  ask(request: OwnRequest): Promise<JsonObject | undefined> {
    return new Promise((settle) => this.#ask({ request, settle, sent: 1, isReplied: false, isIdle: false }));
  }

  /** False on the hot path: then no frame needs a look. */
  get some(): boolean {
    return this.#waiting.size > 0;
  }

  /** @returns true when the frame answers one of them, and so isn't for the client */
  take(frame: Frame): boolean {
    const id = parentId(frame);
    const waiting = this.#waiting.get(id);
    if (!waiting) return false;
    const { msg_type: type } = readHeader(frame);
    if (type === waiting.request.type.replace(/request$/, 'reply')) {
      waiting.isReplied = true;
      waiting.settle(readObject(frame, 'content'));
    }
    if (type === 'status' && readObject(frame, 'content').execution_state === 'idle') waiting.isIdle = true;
    // Reply and state come on two channels, in any order.
    if (waiting.isIdle) this.#over(id);
    return true;
  }

  lost(why: Loss): void {
    if (why !== 'starting') {
      for (const { settle } of this.#waiting.values()) settle(undefined);
      this.#waiting.clear();
      return;
    }
    for (const [id, waiting] of [...this.#waiting].filter(([, { isReplied }]) => !isReplied)) {
      if (!waiting.request.again) {
        waiting.settle(undefined);
        this.#waiting.delete(id);
        continue;
      }
      waiting.isReplied = true;
      if (waiting.sent < MOST_SENT)
        this.#ask({ ...waiting, sent: waiting.sent + 1, isReplied: false, isIdle: false });
      else waiting.settle(undefined);
    }
  }

  #ask(waiting: Waiting): void {
    const { type, from, content } = waiting.request;
    const { id, payload } = this.#writer.request(type, from, content);
    this.#waiting.set(id, waiting);
    this.#send(payload);
  }

  /** A kernel's idle can be lost when it restarts: those that came before and have their answer are over too. */
  #over(id: string): void {
    for (const [each, { isReplied }] of this.#waiting) {
      if (isReplied) this.#waiting.delete(each);
      if (each === id) return;
    }
  }
}
