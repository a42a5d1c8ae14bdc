import type { Kernel } from '../kernels/kernels.js';
import type { JsonObject } from '../wire/frame.js';
import type { Header } from '../wire/messages.js';
import type { OwnRequests } from './own-requests.js';

/** What a kernel says of itself. */
interface KernelInfo {
  /** `language_info.name`, lower case. */
  readonly language: string | undefined;
  readonly implementation: string | undefined;
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
  readonly #own: OwnRequests;
  #info: Promise<KernelInfo> | undefined;
  #known: KernelInfo = NOTHING;

  constructor(kernel: Pick<Kernel, 'language'>, own: OwnRequests) {
    this.#kernel = kernel;
    this.#own = own;
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
      const reply = await this.#own.ask({ type: 'kernel_info_request', from, content: {} });
      if (reply === undefined) return NOTHING;
      const info = infoIn(reply);
      if (info !== undefined) return info;
    }
    return NOTHING;
  }
}

/** @returns undefined for an answer that says nothing: aborted */
function infoIn({ language_info, implementation }: JsonObject): KernelInfo | undefined {
  const { name } = Object(language_info) as { name?: unknown };
  if (typeof name !== 'string') return undefined;
  return {
    language: name.toLowerCase(),
    implementation: typeof implementation === 'string' ? implementation.slice(0, 40) : undefined,
  };
}
