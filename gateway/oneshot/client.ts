import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import WebSocket from 'ws';
import type { Secret } from '../../processors/core/secret.js';
import { V1_PROTOCOL } from '../channel/wire/codec.js';
import { printExact } from './exact-json.js';
import { RunProblem } from './problem.js';

/** How to reach the gateway that this run has for itself. */
export interface GatewayAddress {
  readonly socket: string;
  readonly token: Secret;
  /** Path before every Jupyter URL; empty at the root. */
  readonly basePath: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface AskOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Milliseconds. */
  readonly limit: number;
}

/** A kernel's largest message, in bytes: the gateway's own limits come first. */
const LARGEST_MESSAGE = 512 * 1024 * 1024;

/** Speaks with the gateway as any client does: HTTP and kernel websockets, with its token. */
export class GatewayClient {
  readonly #address: GatewayAddress;

  constructor(address: GatewayAddress) {
    this.#address = address;
  }

  /**
   * @param path below Jupyter's base path, e.g. `/api/kernels`
   * @throws {RunProblem} when no answer comes
   */
  async ask(method: string, path: string, { body, limit }: AskOptions): Promise<Answer> {
    const { socket, basePath } = this.#address;
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const asked = request({
          socketPath: socket,
          method,
          path: basePath + path,
          agent: false,
          signal: AbortSignal.timeout(limit),
          headers: { ...this.#headers, accept: 'application/json', 'content-type': 'application/json' },
        });
        asked.on('error', reject).on('response', (response) => {
          text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
        });
        asked.end(body === undefined ? undefined : printExact(body));
      });
    } catch (cause) {
      throw new RunProblem('jupyter', `Jupyter did not answer ${method} ${path}.`, { cause });
    }
  }

  /**
   * {@link ask} for JSON.
   * @throws {RunProblem} with what was answered, when that isn't a success
   */
  async askJson(method: string, path: string, options: AskOptions): Promise<unknown> {
    const { status, body } = await this.ask(method, path, options);
    if (status >= 200 && status <= 299) return body === '' ? undefined : JSON.parse(body);
    throw new RunProblem('jupyter', `Jupyter answered ${method} ${path} with ${status}: ${sentenceOf(body)}`);
  }

  /** Opens a websocket that is not connected yet. */
  connect(path: string): WebSocket {
    const { socket, basePath } = this.#address;
    return new WebSocket(`ws+unix:${socket}:${basePath}${path}`, V1_PROTOCOL, {
      headers: this.#headers,
      maxPayload: LARGEST_MESSAGE,
      perMessageDeflate: false,
    });
  }

  get #headers(): Record<string, string> {
    return { host: 'localhost', authorization: `token ${this.#address.token.reveal()}` };
  }
}

/** The gateway's refusals and Jupyter's errors are both `{ "message" }`. */
export function sentenceOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { readonly message?: unknown };
    return String(message);
  } catch {
    return 'no reason given';
  }
}
