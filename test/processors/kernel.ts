import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { CellError } from '../../processors/core/processor.js';
import { Secret } from '../../processors/core/secret.js';
import { createProcessors, type Processors } from '../../processors/index.js';
import { connectionsOf } from '../support/connections.js';
import { type StockJupyter, type StockJupyterOptions, startStockJupyter } from '../support/jupyter.js';

const LIMIT_MS = 60_000;

interface Message {
  readonly channel: string;
  readonly header: { readonly msg_type: string };
  readonly parent_header: { readonly msg_id?: string };
  readonly content: Readonly<Record<string, unknown>>;
}

/** What one request gave. */
export interface Ran {
  readonly status: string;
  readonly stdout: string;
  readonly stderr: string;
  /** Text of results and displays. */
  readonly shown: string;
  /** Sentence of the error. */
  readonly error: string;
  readonly ename: string;
  readonly messages: readonly Message[];
}

/** A kernel of a stock server, spoken to without a gateway: rewriting is done here, redaction not at all. */
export class Kernel {
  readonly #socket: WebSocket;
  readonly #processors: Processors;
  readonly session = randomUUID();
  readonly #listeners = new Set<(message: Message) => void>();
  /** Every frame that came, as text. */
  readonly frames: string[] = [];

  constructor(socket: WebSocket, processors: Processors) {
    this.#socket = socket;
    this.#processors = processors;
    socket.on('message', (data) => {
      const text = data.toString();
      this.frames.push(text);
      const message = JSON.parse(text) as Message;
      for (const listener of this.#listeners) listener(message);
    });
  }

  /** Runs a cell as the gateway would: the companion first, and only after its `ok` the cell. */
  async run(code: string, { metadata = {}, subshell, onOutput }: RunOptions = {}): Promise<Ran> {
    if (!this.#processors.matches(code, metadata)) return this.send(code, { metadata, subshell, onOutput });
    const { code: rewritten, spin } = await this.#processors.rewrite(code, metadata);
    const companion = await this.send(this.#processors.helper.code, { subshell, silent: true });
    if (companion.status !== 'ok') return companion;
    return this.send(rewritten, { metadata: { ...metadata, spin }, subshell, onOutput });
  }

  /** Sends an execute_request as it is and waits for its reply and idle. */
  send(code: string, options: SendOptions = {}): Promise<Ran> {
    const silent = options.silent === true;
    // With stop_on_error a kernel that loses the processor just after its idle aborts what comes next.
    const content = { code, silent, store_history: !silent, allow_stdin: false, stop_on_error: false };
    return this.request('execute_request', content, options);
  }

  async request(type: string, content: object, options: SendOptions = {}): Promise<Ran> {
    const { metadata = {}, subshell, onOutput, channel = 'shell' } = options;
    const header = {
      msg_id: randomUUID(),
      msg_type: type,
      session: this.session,
      username: '',
      date: new Date().toISOString(),
      version: '5.3',
      ...(subshell === undefined ? {} : { subshell_id: subshell }),
    };
    const messages: Message[] = [];
    const done = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to: ${JSON.stringify(content)}`)), LIMIT_MS);
      const listener = (message: Message) => {
        if (message.parent_header.msg_id !== header.msg_id) return;
        messages.push(message);
        if (message.header.msg_type === 'stream') onOutput?.(String(message.content.text));
        const idle = messages.some(({ content: { execution_state } }) => execution_state === 'idle');
        const reply = messages.some(({ header: { msg_type } }) => msg_type.endsWith('_reply'));
        if (!idle || !reply) return;
        clearTimeout(timer);
        this.#listeners.delete(listener);
        resolve();
      };
      this.#listeners.add(listener);
    });
    this.#socket.send(JSON.stringify({ channel, header, parent_header: {}, metadata, content, buffers: [] }));
    await done;
    return summary(messages);
  }

  close(): void {
    this.#socket.terminate();
  }
}

export interface SendOptions {
  readonly metadata?: object | undefined;
  readonly subshell?: string | undefined;
  readonly silent?: boolean;
  readonly channel?: 'shell' | 'control';
  readonly onOutput?: ((text: string) => void) | undefined;
}

export type RunOptions = Pick<SendOptions, 'metadata' | 'subshell' | 'onOutput'>;

/** Processors whose names are resolved from an object. */
export function processorsWith(values: Readonly<Record<string, string>>): Processors {
  return createProcessors({
    connections: connectionsOf(),
    resolve(reference) {
      const value = values[reference];
      if (value === undefined) throw new CellError(`${reference} is not set.`);
      return new Secret(value);
    },
  });
}

/** A stock server with one kernel, both ended with the test. */
export async function startKernel(
  t: Test,
  values: Readonly<Record<string, string>> = {},
  options: StockJupyterOptions = {},
) {
  const jupyter = await startStockJupyter(options);
  t.teardown(() => jupyter.close());
  const headers = { authorization: `token ${jupyter.token}`, 'content-type': 'application/json' };
  const response = await fetch(`${jupyter.url}/api/kernels`, { method: 'POST', headers, body: '{}' });
  const { id } = (await response.json()) as { id: string };
  const connect = () => connectKernel(t, jupyter, id, processorsWith(values));
  return { jupyter, id, headers, kernel: await connect(), connect };
}

async function connectKernel(
  t: Test,
  jupyter: StockJupyter,
  id: string,
  processors: Processors,
): Promise<Kernel> {
  const url = `${jupyter.url.replace('http', 'ws')}/api/kernels/${id}/channels`;
  const socket = new WebSocket(url, { headers: { authorization: `token ${jupyter.token}` } });
  socket.on('error', () => undefined);
  const kernel = new Kernel(socket, processors);
  t.teardown(() => kernel.close());
  await once(socket, 'open');
  await kernel.request('kernel_info_request', {});
  return kernel;
}

function summary(messages: readonly Message[]): Ran {
  const all = (type: string) => messages.filter(({ header }) => header.msg_type === type);
  const stream = (name: string) =>
    all('stream')
      .flatMap(({ content }) => (content.name === name ? [String(content.text)] : []))
      .join('');
  const reply = messages.find(({ header }) => header.msg_type.endsWith('_reply'));
  const plain = ({ content }: Message) =>
    String((content.data as Record<string, unknown>)['text/plain'] ?? '');
  return {
    status: String(reply?.content.status),
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    shown: [...all('execute_result'), ...all('display_data')].map(plain).join('\n'),
    error: all('error')
      .map(({ content }) => String(content.evalue))
      .join('\n'),
    ename: all('error')
      .map(({ content }) => String(content.ename))
      .join('\n'),
    messages,
  };
}
