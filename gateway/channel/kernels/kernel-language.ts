import { type Frame, type Payload, readObject } from '../wire/frame.js';
import { type Header, type MessageWriter, parentId, readHeader } from '../wire/messages.js';
import type { Kernel } from './kernels.js';

/** What a kernel says of itself. */
interface KernelInfo {
  /** `language_info.name`, lower case. */
  readonly language: string | undefined;
  readonly implementation: string | undefined;
}

interface Waiting {
  readonly id: string;
  readonly settle: (info: KernelInfo | undefined) => void;
  replied: boolean;
  idle: boolean;
}

const NOTHING: KernelInfo = { language: undefined, implementation: undefined };

/** A kernel that aborts what is queued behind a failed cell may abort this too. */
const MOST_ASKED = 5;

/**
 * Which language a kernel speaks. Its specification says so at once, and most say python; any other word is looked into by
 * asking the kernel itself (`sage` is IPython).
 * Source: https://jupyter-client.readthedocs.io/en/latest/messaging.html#kernel-info
 */
export class KernelLanguage {
  readonly #kernel: Pick<Kernel, 'language'>;
  readonly #writer: MessageWriter;
  readonly #send: (payload: Payload) => void;
  #info: Promise<KernelInfo> | undefined;
  #known: KernelInfo = NOTHING;
  #waiting: Waiting | undefined;

  constructor(kernel: Pick<Kernel, 'language'>, writer: MessageWriter, send: (payload: Payload) => void) {
    this.#kernel = kernel;
    this.#writer = writer;
    this.#send = send;
  }

  /** Lasts as long as the kernel is busy where it has to be asked. @param from whose cell it is about */
  async of(from: Header): Promise<string> {
    const named = await this.#kernel.language();
    if (named === 'python') return named;
    return (await this.#ask(from)).language ?? named;
  }

  /** What is known without asking the kernel. */
  async known(): Promise<string> {
    return this.#known.language ?? this.#kernel.language();
  }

  /** What the kernel calls itself: `ipython`, `xeus-python`, … */
  async implementation(from: Header): Promise<string | undefined> {
    return (await this.#ask(from)).implementation;
  }

  /** False on the hot path: then no frame needs a look. */
  get some(): boolean {
    return this.#waiting !== undefined;
  }

  /** @returns true when the frame belongs to the question, and so isn't for the client */
  take(frame: Frame): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined || parentId(frame) !== waiting.id) return false;
    const type = readHeader(frame).msg_type;
    if (type === 'status' && readObject(frame, 'content').execution_state === 'idle') waiting.idle = true;
    if (type === 'kernel_info_reply') waiting.replied = true;
    // Reply and state come on channels of their own, in any order; neither is for the client.
    if (waiting.replied && waiting.idle) this.#waiting = undefined;
    if (type === 'kernel_info_reply') waiting.settle(infoIn(readObject(frame, 'content')));
    return true;
  }

  /** The kernel restarted or the client left. */
  lost(): void {
    this.#waiting?.settle(NOTHING);
    this.#waiting = undefined;
  }

  #ask(from: Header): Promise<KernelInfo> {
    this.#info ??= this.#asked(from).then((info) => {
      this.#known = info;
      if (info === NOTHING) this.#info = undefined;
      return info;
    });
    return this.#info;
  }

  async #asked(from: Header): Promise<KernelInfo> {
    for (let times = 0; times < MOST_ASKED; times++) {
      const info = await new Promise<KernelInfo | undefined>((settle) => {
        const { id, payload } = this.#writer.request('kernel_info_request', from, {});
        this.#waiting = { id, settle, replied: false, idle: false };
        this.#send(payload);
      });
      if (info !== undefined) return info;
    }
    return NOTHING;
  }
}

/** @returns undefined for an answer that says nothing: aborted */
function infoIn({
  language_info,
  implementation,
}: Readonly<Record<string, unknown>>): KernelInfo | undefined {
  const { name } = Object(language_info) as { name?: unknown };
  if (typeof name !== 'string') return undefined;
  return {
    language: name.toLowerCase(),
    implementation: typeof implementation === 'string' ? implementation.slice(0, 40) : undefined,
  };
}
