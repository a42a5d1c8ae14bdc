import type { Secret } from '../../../processors/core/secret.js';
import { KernelFeed } from '../feed/feed.js';
import { Looks } from '../feed/looks.js';
import { Delivered } from '../hidden/delivered.js';
import type { SharedValues } from '../hidden/shared-values.js';
import type { Wire } from '../wire/codec.js';
import { PostedCells } from './posted-cells.js';

/** What the gateway knows of one kernel, shared by all of its clients' channels. */
export interface Kernel {
  readonly id: string;
  readonly delivered: Delivered;
  /** The cells that came by another way than a channel. */
  readonly posted: PostedCells;
  /**
   * Hides values from now on: fulfilled when a cell may take them to the kernel.
   *
   * @throws {GatewayError} SHARED_FOLDER_AWAY where other replicas couldn't hide them, NOT_PERMITTED where none could
   */
  give(values: readonly Secret[]): Promise<void>;
  /** What it says, for all of its clients that speak one encoding. */
  feed(wire: Wire): KernelFeed;
  /**
   * Finds what other replicas have given it; undefined where there are none.
   *
   * @throws {GatewayError} SHARED_FOLDER_AWAY
   */
  readonly learn: (() => Promise<void>) | undefined;
  /** The language of its kernelspec, lower case; asked for once. */
  language(): Promise<string>;
  /** @returns a function that ends the subscription */
  onRestart(listener: () => void): () => void;
}

/** `/api/kernels/{id}/restart`, and what ends kernels, below the base path. */
const RESTART_PATH = /^\/api\/kernels\/([^/]+)\/restart$/;
const ENDING_PATH = /^\/api\/(?:kernels|sessions)\/[^/]+$/;

interface Entry {
  readonly kernel: Kernel;
  /** One of each channel that is open to this kernel. */
  readonly restartListeners: Set<() => void>;
}

export interface KernelQuestions {
  /** Asks for a kernel's language. */
  language(kernelId: string): Promise<string>;
  /** Asks for the ids of all kernels that live; rejects where that can't be known. */
  living(): Promise<ReadonlySet<string>>;
  /** Asks whether cells by POST may still run in a kernel. */
  posted(kernelId: string): Promise<boolean>;
}

/**
 * The kernels that clients have connected to, as long as they live: a kernel without a client may still
 * hold the values that it was given, and a client may connect to it again.
 */
export class Kernels {
  readonly #entries = new Map<string, Entry>();
  readonly #ask: KernelQuestions;
  readonly #shared: SharedValues | undefined;
  #sweeping = false;
  #sweepAgain = false;

  /** @param shared what replicas have in common; absent for a gateway alone */
  constructor(ask: KernelQuestions, shared?: SharedValues) {
    this.#ask = ask;
    this.#shared = shared;
  }

  get(id: string): Kernel {
    const known = this.#entries.get(id);
    if (known) return known.kernel;
    // Culling says nothing: looked for whenever a kernel comes, the number of entries follows Jupyter's.
    this.#sweep();
    const restartListeners = new Set<() => void>();
    const kernel = this.#newKernel(id, restartListeners);
    this.#entries.set(id, { kernel, restartListeners });
    return kernel;
  }

  /**
   * Whether a kernel has been given values, so that its output has to be searched.
   *
   * @throws {GatewayError} SHARED_FOLDER_AWAY
   */
  async isGiven(id: string): Promise<boolean> {
    // A gateway alone has given nothing to a kernel that it doesn't remember.
    const kernel = this.#shared ? this.get(id) : this.#entries.get(id)?.kernel;
    await kernel?.learn?.();
    return kernel?.delivered.empty === false;
  }

  /** Whether any kernel that lives holds values. @throws {GatewayError} where that can't be known */
  async isAnyGiven(): Promise<boolean> {
    if (!this.#shared && this.#entries.size === 0) return false;
    for (const id of await this.#ask.living()) if (await this.isGiven(id)) return true;
    return false;
  }

  /** How many kernels are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Jupyter answered a request about a kernel. A restart loses the kernel's queue without a message
   * on the websocket. A shutdown ends the kernel, and its values are gone with it.
   *
   * @param path below the base path
   */
  answered(method: string | undefined, path: string, status: number): void {
    if (status < 200 || status > 299) return;
    const restarted = method === 'POST' ? RESTART_PATH.exec(path)?.[1] : undefined;
    if (restarted !== undefined)
      for (const listener of this.#entries.get(restarted)?.restartListeners ?? []) listener();
    if (method === 'DELETE' && ENDING_PATH.test(path)) this.#sweep();
  }

  /** Forgets the kernels that have no client and that Jupyter doesn't have any more. */
  #sweep(): void {
    const unused = [...this.#entries].filter(([, { restartListeners }]) => restartListeners.size === 0);
    // A replica that died has left what it shared of its kernels.
    if (unused.length === 0 && this.#shared === undefined) return;
    if (this.#sweeping) {
      this.#sweepAgain = true;
      return;
    }
    this.#sweeping = true;
    const forget = async () => {
      const living = await this.#ask.living();
      for (const [id, { restartListeners }] of unused)
        if (!living.has(id) && restartListeners.size === 0) this.#entries.delete(id);
      return new Set([...living, ...this.#entries.keys()]);
    };
    (this.#shared ? this.#shared.sweep(forget) : forget())
      // Unknown: they stay until the next time.
      .catch(() => {})
      .finally(() => {
        this.#sweeping = false;
        const again = this.#sweepAgain;
        this.#sweepAgain = false;
        if (again) this.#sweep();
      });
  }

  #newKernel(id: string, restartListeners: Set<() => void>): Kernel {
    let language: Promise<string> | undefined;
    const delivered = new Delivered();
    const posted = new PostedCells(() => this.#ask.posted(id));
    const shelf = this.#shared?.shelf(id, delivered);
    const looks = shelf && new Looks(() => shelf.look());
    const feeds = {
      v1: new KernelFeed('v1', delivered, looks),
      legacy: new KernelFeed('legacy', delivered, looks),
    };
    return {
      id,
      feed: (wire) => feeds[wire],
      delivered,
      posted,
      async give(values) {
        const isFirst = values.length > 0 && delivered.empty;
        if (isFirst) await posted.checkNone();
        if (shelf) await shelf.put(values);
        else delivered.add(values);
        // To share them took time: none is let through any more, and none was meanwhile.
        if (isFirst && shelf) await posted.checkNone();
      },
      learn: shelf && (() => shelf.look()),
      language: () => {
        language ??= this.#ask.language(id).catch((error: unknown) => {
          language = undefined;
          throw error;
        });
        return language;
      },
      onRestart: (listener) => {
        restartListeners.add(listener);
        return () => {
          if (restartListeners.delete(listener) && restartListeners.size === 0) this.#sweep();
        };
      },
    };
  }
}
