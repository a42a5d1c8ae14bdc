import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { WebSocket } from 'ws';
import { decode, V1_PROTOCOL } from '../../gateway/channel/wire/codec.js';
import { readObject } from '../../gateway/channel/wire/frame.js';
import { parentId, readHeader } from '../../gateway/channel/wire/messages.js';
import { sizedMessage } from '../support/frames.js';
import { SMALL } from '../support/synthetic-upstream.js';

/** SPIN_TOKEN of the bench: every contender gets it, only the gateway asks for it. */
export const TOKEN = 'bench-token-0123456789';

/** The one certificate is the bench's own; checking it would measure nothing. */
const TRUST = { rejectUnauthorized: false };

export const HEADERS = { authorization: `token ${TOKEN}` };

/** A client of one kernel channel, over TLS, in the v1 subprotocol. */
export class KernelClient {
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open(origin: string, kernel: string): Promise<KernelClient> {
    const url = `${origin.replace(/^http/, 'ws')}/api/kernels/${kernel}/channels?session_id=${crypto.randomUUID()}`;
    const socket = new WebSocket(url, [V1_PROTOCOL], {
      ...TRUST,
      headers: HEADERS,
      perMessageDeflate: false,
      maxPayload: 0,
    });
    await once(socket, 'open');
    socket.on('error', () => {});
    return new KernelClient(socket);
  }

  /** Sends an execute_request of 1 KB. @returns when its execute_reply has come */
  execute(code: string): Promise<void> {
    const content = { code, silent: false, store_history: true, stop_on_error: true };
    this.#socket.send(sizedMessage('shell', 'execute_request', {}, content, SMALL));
    return new Promise((resolve, reject) => {
      const lost = () => reject(new Error('the channel was closed while a cell ran'));
      const read = (data: Buffer) => {
        // A reply is small; what is large is a stream, whose only work here is to be received.
        if (data.length > 2 * SMALL) return;
        const frame = decode('v1', data, true);
        if (frame.channel !== 'shell') return;
        this.#socket.off('message', read).off('close', lost);
        resolve();
      };
      this.#socket.on('message', read).on('close', lost);
    });
  }

  /** Runs a cell of a real kernel. @returns when it is idle again. @throws {Error} when the cell fails */
  run(code: string): Promise<void> {
    const content = { code, silent: false, store_history: true, stop_on_error: true, allow_stdin: false };
    const message = sizedMessage('shell', 'execute_request', {}, content, 0);
    const { msg_id: id } = readHeader(decode('v1', message, true));
    this.#socket.send(message);
    return new Promise((resolve, reject) => {
      let replied = false;
      let idle = false;
      const read = (data: Buffer) => {
        const frame = decode('v1', data, true);
        if (parentId(frame) !== id) return;
        const { msg_type } = readHeader(frame);
        const content = readObject(frame, 'content');
        if (msg_type === 'execute_reply') {
          replied = true;
          if (content.status !== 'ok') reject(new Error(`the cell failed: ${JSON.stringify(content)}`));
        }
        if (msg_type === 'status' && content.execution_state === 'idle') idle = true;
        if (!replied || !idle) return;
        this.#socket.off('message', read);
        resolve();
      };
      this.#socket.on('message', read);
    });
  }

  async close(): Promise<void> {
    this.#socket.terminate();
    if (this.#socket.readyState !== WebSocket.CLOSED) await once(this.#socket, 'close');
  }
}

/** Asks for a URL on a connection of its own and reads all of the answer. @returns the status */
export function get(url: string): Promise<number> {
  const agent = new Agent(TRUST);
  return new Promise((resolve, reject) => {
    request(url, { agent, headers: HEADERS })
      .on('error', reject)
      .on('response', (response) => {
        response.on('error', reject).on('end', () => resolve(response.statusCode ?? 0));
        response.resume();
      })
      .end();
  });
}
