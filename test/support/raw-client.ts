import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { decode, encode, V1_PROTOCOL, type Wire } from '../../gateway/channel/wire/codec.js';
import type { Payload } from '../../gateway/channel/wire/frame.js';
import { parseJson } from '../../gateway/channel/wire/json-text.js';
import { until } from './until.js';

/** One message that a client got. */
export interface Heard {
  readonly channel: string;
  readonly type: string;
  readonly parent: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly content: Readonly<Record<string, unknown>>;
  readonly buffers: readonly Buffer[];
}

export interface SendOptions {
  readonly channel?: string;
  readonly header?: object;
  readonly metadata?: object;
  readonly buffers?: readonly Buffer[];
}

/** What one request gave. */
export interface Answered {
  readonly id: string;
  /** Of the reply: `ok`, `error` or `aborted`. */
  readonly status: string;
  readonly reply: Readonly<Record<string, unknown>>;
  readonly stdout: string;
  readonly messages: readonly Heard[];
}

/** Long enough for a kernel to start anew on a busy machine. */
const LIMIT_MS = 60_000;

/** Longer than a kernel takes that has its connections. */
const ASK_AGAIN_MS = 200;

/** A kernel's websocket client that keeps every byte that it got, and may say anything. */
export class RawClient {
  readonly wire: Wire;
  readonly socket: WebSocket;
  readonly session: string;
  /** Every frame as it came. */
  readonly frames: Buffer[] = [];
  readonly heard: Heard[] = [];

  constructor(socket: WebSocket, wire: Wire, session: string) {
    this.socket = socket;
    this.wire = wire;
    this.session = session;
    socket.on('error', () => {});
    socket.on('message', (data: Buffer, binary) => {
      this.frames.push(data);
      const frame = decode(wire, data, binary);
      const [header, parent, content] = (['header', 'parent_header', 'content'] as const).map(
        (part) => parseJson(frame.text(part)) as Record<string, unknown>,
      );
      this.heard.push({
        channel: frame.channel,
        type: String(header?.msg_type),
        parent: String(parent?.msg_id),
        header: header ?? {},
        content: content ?? {},
        buffers: frame.buffers(),
      });
    });
  }

  /** @returns its msg_id */
  send(type: string, content: object, options: SendOptions = {}): string {
    const { id, payload } = this.message(type, content, options);
    this.socket.send(payload.data, { binary: payload.binary });
    return id;
  }

  /** A message as {@link send} would send it. */
  message(type: string, content: object, options: SendOptions = {}): { id: string; payload: Payload } {
    const id = randomUUID();
    const header = {
      msg_id: id,
      msg_type: type,
      session: this.session,
      username: '',
      date: new Date().toISOString(),
      version: '5.4',
      ...options.header,
    };
    const payload = encode(this.wire, options.channel ?? 'shell', {
      header: JSON.stringify(header),
      parent_header: '{}',
      metadata: JSON.stringify(options.metadata ?? {}),
      content: JSON.stringify(content),
    });
    if (!options.buffers) return { id, payload };
    const bytes = typeof payload.data === 'string' ? Buffer.from(payload.data) : payload.data;
    const { data, binary } = decode(this.wire, bytes, payload.binary).replace({}, options.buffers);
    return { id, payload: { data, binary } };
  }

  /** Sends a request and waits for its reply, and for its idle. */
  async request(type: string, content: object, options: SendOptions = {}): Promise<Answered> {
    return this.answer(this.send(type, content, options));
  }

  /** Runs a cell, and waits until it has ended. */
  execute(code: string, content: object = {}, options: SendOptions = {}): Promise<Answered> {
    return this.answer(this.begin(code, content, options));
  }

  /**
   * Sends a cell, and waits for nothing.
   * @returns its msg_id, for {@link answer}
   */
  begin(code: string, content: object = {}, options: SendOptions = {}): string {
    // With stop_on_error a kernel that loses the processor just after its idle aborts what comes next.
    const flags = { silent: false, store_history: true, allow_stdin: true, stop_on_error: false };
    return this.send('execute_request', { code, user_expressions: {}, ...flags, ...content }, options);
  }

  /** Waits for the reply and the idle of a request. */
  async answer(id: string): Promise<Answered> {
    const isReply = ({ parent, type }: Heard) => parent === id && type.endsWith('_reply');
    await this.hears(isReply);
    await this.hears(({ parent, content }) => parent === id && content.execution_state === 'idle');
    const messages = this.heard.filter(({ parent }) => parent === id);
    const reply = messages.find(isReply)?.content ?? {};
    return { id, status: String(reply.status), reply, stdout: streamed(messages, 'stdout'), messages };
  }

  /**
   * Waits until the client hears what a kernel says: its iopub connection comes some time after the websocket where
   * Jupyter takes the kernel for busy, and comes back some time after a restart. What was said until then is lost.
   */
  async listens(): Promise<void> {
    const asked = new Set<string>();
    let next = 0;
    await until(() => {
      const heard = this.heard.some(({ parent, channel }) => channel === 'iopub' && asked.has(parent));
      // A kernel that starts answers all that has been asked meanwhile.
      if (!heard && Date.now() >= next) {
        asked.add(this.send('kernel_info_request', {}));
        next = Date.now() + ASK_AGAIN_MS;
      }
      return heard;
    }, LIMIT_MS);
  }

  /** Waits for a message. */
  async hears(matches: (message: Heard) => boolean): Promise<Heard> {
    await until(() => this.heard.some(matches) || this.socket.readyState === WebSocket.CLOSED, LIMIT_MS);
    const found = this.heard.find(matches);
    if (!found) throw new Error('the connection closed before that message came');
    return found;
  }

  close(): void {
    this.socket.terminate();
  }
}

interface ReachedGateway {
  readonly origin: string;
  readonly token: string;
  readonly login?: Readonly<Record<string, string>>;
}

export function streamed(messages: readonly Heard[], name: string): string {
  return messages
    .filter(({ type, content }) => type === 'stream' && content.name === name)
    .map(({ content }) => String(content.text))
    .join('');
}

/**
 * @param login the headers by which it is known; default: the token
 * @param session the `session_id` of the connection and of its messages
 * @throws {Error} when it is refused
 */
export async function openRawClient(
  { origin, token, login = { authorization: `token ${token}` } }: ReachedGateway,
  kernelId: string,
  wire: Wire,
  session: string = randomUUID(),
): Promise<RawClient> {
  const url = `${origin.replace(/^http/, 'ws')}/api/kernels/${kernelId}/channels?session_id=${session}`;
  const socket = new WebSocket(url, wire === 'v1' ? [V1_PROTOCOL] : [], {
    headers: { ...login },
    perMessageDeflate: false,
  });
  const client = new RawClient(socket, wire, session);
  await once(socket, 'open');
  return client;
}

/** Starts a kernel by the gateway's REST API. @returns its id */
export async function startKernel(
  { origin, token }: { readonly origin: string; readonly token: string },
  name = 'python3',
): Promise<string> {
  const response = await fetch(`${origin}/api/kernels`, {
    method: 'POST',
    headers: { authorization: `token ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  return ((await response.json()) as { id: string }).id;
}
