import WebSocket from 'ws';
import type { Secret } from '../../processors/core/secret.js';
import { askOnce, type Question } from '../ask-once.js';
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

type Method = NonNullable<Question['method']>;

/** A kernel's largest message or the largest answer, in bytes: the gateway's own limits come first. */
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
  async ask(method: Method, path: string, { body, limit }: AskOptions): Promise<Answer> {
    const { socket, basePath, token } = this.#address;
    const peer = { origin: 'http://localhost', basePath, socketPath: socket, token, ca: undefined };
    try {
      const question = {
        method,
        path,
        headers: { accept: 'application/json', 'content-type': 'application/json' },
        body: body === undefined ? undefined : printExact(body),
        limitMs: limit,
        mostBytes: LARGEST_MESSAGE,
      };
      return await askOnce(peer, question, async (answer) => ({
        status: answer.statusCode,
        body: await answer.body.text(),
      }));
    } catch (cause) {
      throw new RunProblem('jupyter', `Jupyter did not answer ${method} ${path}.`, { cause });
    }
  }

  /**
   * {@link ask} for JSON.
   * @throws {RunProblem} with what was answered, when that isn't a success
   */
  async askJson(method: Method, path: string, options: AskOptions): Promise<unknown> {
    const { status, body } = await this.ask(method, path, options);
    if (status >= 200 && status <= 299) return body === '' ? undefined : JSON.parse(body);
    throw new RunProblem('jupyter', `Jupyter answered ${method} ${path} with ${status}: ${sentenceOf(body)}`);
  }

  /** Opens a websocket that is not connected yet. */
  connect(path: string): WebSocket {
    const { socket, basePath, token } = this.#address;
    return new WebSocket(`ws+unix:${socket}:${basePath}${path}`, V1_PROTOCOL, {
      headers: { host: 'localhost', authorization: `token ${token.reveal()}` },
      maxPayload: LARGEST_MESSAGE,
      perMessageDeflate: false,
    });
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
