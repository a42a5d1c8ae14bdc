import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type WebSocket from 'ws';
import { z } from 'zod';
import { within } from '../../processors/core/within.js';
import { decode, encode } from '../channel/wire/codec.js';
import { lifeIn, parentId, readHeader } from '../channel/wire/messages.js';
import type { GatewayClient } from './client.js';
import { parseExact, printExact } from './exact-json.js';
import { RunProblem } from './problem.js';

/** How long Jupyter may take to start a kernel, and a kernel to say what it is, in milliseconds. */
const START_LIMIT = 120_000;
/** How long Jupyter may take to pass an interrupt on or to end a kernel, in milliseconds. */
const CONTROL_LIMIT = 5_000;

/** A message of the kernel's to one of this run's requests. */
export interface KernelMessage {
  readonly channel: string;
  readonly type: string;
  /** ISO 8601, as the kernel says. */
  readonly date: string;
  readonly content: Readonly<Record<string, unknown>>;
  /** In bytes, as it came. */
  readonly size: number;
  /** The server's own words in the kernel's place: Jupyter writes there what it has dropped. */
  readonly isServers: boolean;
}

/** The kernel died, or the way to it was lost. */
export class KernelLost extends Error {
  override readonly name = 'DeadKernelError';
}

interface Asked {
  readonly hear: (message: KernelMessage) => void;
  readonly resolve: (reply: KernelMessage['content']) => void;
  readonly reject: (lost: KernelLost) => void;
  reply: KernelMessage['content'] | undefined;
  idle: boolean;
}

export interface Specification {
  readonly name: string;
  readonly display_name: string;
  readonly language: string;
}

const specifications = z.object({
  default: z.string(),
  kernelspecs: z.record(
    z.string(),
    z.object({ name: z.string(), spec: z.object({ display_name: z.string(), language: z.string() }) }),
  ),
});

/**
 * @param wanted the name that a notebook has; undefined: Jupyter's default
 * @param who asks for it
 * @throws {RunProblem} naming the kernels that there are, when this one isn't
 */
export async function findKernel(
  client: GatewayClient,
  wanted: string | undefined,
  who: 'The notebook' | '-k',
): Promise<Specification> {
  const answer = await client.askJson('GET', '/api/kernelspecs', { limit: START_LIMIT });
  const { default: usual, kernelspecs } = specifications.parse(answer);
  const name = wanted ?? usual;
  const found = Object.hasOwn(kernelspecs, name) ? kernelspecs[name] : undefined;
  if (found !== undefined) return { name: found.name, ...found.spec };
  throw new RunProblem(
    'settings',
    `${who} asks for the kernel ${JSON.stringify(name)}, which this Jupyter doesn't have. ` +
      `It has: ${Object.keys(kernelspecs).sort().join(', ')}. Choose one of these with -k, or install it.`,
  );
}

/** A kernel of this run's own, spoken to on its websocket. */
export class Kernel {
  readonly #client: GatewayClient;
  readonly #id: string;
  readonly #socket: WebSocket;
  readonly #session = randomUUID();
  readonly #asked = new Map<string, Asked>();
  #lost: KernelLost | undefined;
  /** The kernel's own, which all its messages carry. */
  #kernelSession: string | undefined;

  private constructor(client: GatewayClient, id: string) {
    this.#client = client;
    this.#id = id;
    this.#socket = client.connect(`/api/kernels/${id}/channels?session_id=${this.#session}`);
    this.#socket.on('message', (data: Buffer) => this.#guarded(data));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#lose('The connection to the kernel was lost.'));
  }

  /**
   * @param folder where it works, from the folder that Jupyter serves; undefined: there
   * @throws {RunProblem} when Jupyter doesn't start one
   */
  static async start(
    client: GatewayClient,
    { name }: Specification,
    folder: string | undefined,
  ): Promise<Kernel> {
    const body = { name, ...(folder !== undefined && { path: folder }) };
    const answer = await client.askJson('POST', '/api/kernels', { body, limit: START_LIMIT });
    const kernel = new Kernel(client, z.object({ id: z.string() }).parse(answer).id);
    await once(kernel.#socket, 'open').catch((cause: Error) => {
      throw new RunProblem('jupyter', `Could not connect to the kernel: ${cause.message}`, { cause });
    });
    return kernel;
  }

  /**
   * Waits until the kernel answers.
   * @returns the `language_info` that notebooks keep
   * @throws {RunProblem} when it doesn't, or died
   */
  async languageInfo(): Promise<unknown> {
    const asked = this.#ask('kernel_info_request', {}, {}, () => {});
    const { language_info } = await within(START_LIMIT, asked, () => {
      throw new KernelLost(`The kernel did not answer within ${START_LIMIT / 1000} s.`);
    }).catch((cause: Error) => {
      throw new RunProblem('jupyter', `The kernel did not start. ${cause.message}`, { cause });
    });
    return language_info;
  }

  /**
   * Runs one cell.
   *
   * @param stopOnError what is queued behind a cell that fails: see the protocol's `stop_on_error`
   * @param hear called with every message about this cell, also those that come after its end
   * @returns the execute_reply's content, when the kernel is idle again
   * @throws {KernelLost} when it died
   */
  execute(
    code: string,
    metadata: object,
    stopOnError: boolean,
    hear: (message: KernelMessage) => void,
  ): Promise<KernelMessage['content']> {
    const content = {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      // There is no user to answer: `input()` fails at once.
      allow_stdin: false,
      stop_on_error: stopOnError,
    };
    return this.#ask('execute_request', content, metadata, hear);
  }

  /** Never rejects: a kernel that can't be interrupted is left behind. */
  async interrupt(): Promise<void> {
    await this.#control('POST', `/api/kernels/${this.#id}/interrupt`);
  }

  /** Ends it. Never rejects. */
  async shutDown(): Promise<void> {
    this.close();
    await this.#control('DELETE', `/api/kernels/${this.#id}`);
  }

  close(): void {
    this.#socket.close();
  }

  async #control(method: 'POST' | 'DELETE', path: string): Promise<void> {
    await this.#client.ask(method, path, { limit: CONTROL_LIMIT }).catch(() => {});
  }

  #ask(
    type: string,
    content: object,
    metadata: object,
    hear: Asked['hear'],
  ): Promise<KernelMessage['content']> {
    if (this.#lost) return Promise.reject(this.#lost);
    const header = {
      msg_id: randomUUID(),
      msg_type: type,
      session: this.#session,
      username: '',
      date: new Date().toISOString(),
      version: '5.3',
    };
    return new Promise((resolve, reject) => {
      this.#asked.set(header.msg_id, { hear, resolve, reject, reply: undefined, idle: false });
      const { data } = encode('v1', 'shell', {
        header: JSON.stringify(header),
        parent_header: '{}',
        metadata: printExact(metadata),
        content: JSON.stringify(content),
      });
      this.#socket.send(data);
    });
  }

  /** Code in a notebook can have its kernel say anything (invariant S14). */
  #guarded(data: Buffer): void {
    try {
      this.#receive(data);
    } catch {
      this.#lose('The kernel sent something that is not a protocol message.');
    }
  }

  #receive(data: Buffer): void {
    const frame = decode('v1', data, true);
    const life = lifeIn(frame);
    if (life === 'restarting' || life === 'dead') this.#lose('The kernel died.');
    const asked = this.#asked.get(parentId(frame));
    if (asked === undefined) return;
    const { msg_type: type, session } = readHeader(frame);
    // Only a kernel replies.
    if (frame.channel === 'shell') this.#kernelSession ??= session;
    const isServers = this.#kernelSession !== undefined && session !== this.#kernelSession;
    const { date } = parseExact(frame.text('header')) as { readonly date?: unknown };
    const content = parseExact(frame.text('content')) as KernelMessage['content'];
    asked.hear({ channel: frame.channel, type, date: String(date), content, size: data.length, isServers });
    if (frame.channel === 'shell') asked.reply = content;
    if (type === 'status' && content.execution_state === 'idle') asked.idle = true;
    if (!asked.reply || !asked.idle) return;
    // Idle is the last that a cell shows; a thread that it has left behind goes on unheard, as with nbclient.
    this.#asked.delete(parentId(frame));
    asked.resolve(asked.reply);
  }

  #lose(how: string): void {
    this.#lost ??= new KernelLost(how);
    for (const { reject } of this.#asked.values()) reject(this.#lost);
    this.#socket.terminate();
  }
}
