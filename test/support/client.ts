import {
  type Kernel,
  KernelManager,
  type KernelMessage,
  ServerConnection,
  SessionManager,
} from '@jupyterlab/services';
import { WebSocket } from 'ws';
import type { TestGateway } from './gateway.js';

/** How a cell ended, and everything that a notebook would show of it. */
export interface Outcome {
  readonly status: string;
  readonly stdout: string;
  readonly stderr: string;
  /** The traceback's text, terminal colours removed. */
  readonly error: string;
  /** MIME bundles of results and displays, updates among them: a slow cell's progress too. */
  readonly data: Record<string, unknown>[];
  /** The same as the notebook has them in the end: an update stands in its display's place. */
  readonly shown: Record<string, unknown>[];
  /** Every iopub message and the reply, as JSON. */
  readonly frames: string;
}

/** JupyterLab's own client library, connected through a gateway. */
export interface Client {
  readonly kernels: KernelManager;
  readonly sessions: SessionManager;
  close(): void;
}

/** A websocket that offers no subprotocol: JupyterLab's client then speaks the legacy encoding. */
class LegacyWebSocket extends WebSocket {
  constructor(url: string) {
    super(url);
  }
}

export function connect(
  { origin, token }: Pick<TestGateway, 'origin' | 'token'>,
  wire: 'v1' | 'legacy' = 'v1',
): Client {
  const serverSettings = ServerConnection.makeSettings({
    baseUrl: origin,
    wsUrl: origin.replace(/^http/, 'ws'),
    token,
    appendToken: true,
    WebSocket: (wire === 'v1' ? WebSocket : LegacyWebSocket) as unknown as typeof globalThis.WebSocket,
  });
  const kernels = new KernelManager({ serverSettings });
  const sessions = new SessionManager({ serverSettings, kernelManager: kernels });
  return {
    kernels,
    sessions,
    close() {
      sessions.dispose();
      kernels.dispose();
    },
  };
}

/** Runs a cell as a notebook does and collects what it shows. */
export async function execute(
  kernel: Kernel.IKernelConnection,
  code: string,
  options: Partial<KernelMessage.IExecuteRequestMsg['content']> = {},
): Promise<Outcome> {
  const future = kernel.requestExecute({ code, ...options });
  const messages: KernelMessage.IIOPubMessage[] = [];
  future.onIOPub = (message) => {
    messages.push(message);
  };
  const reply = await future.done;
  const texts = (name: string) =>
    messages
      .map(({ content }) => content as { name?: string; text?: string })
      .filter((content) => content.name === name)
      .map(({ text }) => text ?? '')
      .join('');
  const error = messages.find(({ header }) => header.msg_type === 'error')?.content as
    | { traceback?: string[] }
    | undefined;
  const bundles = messages.flatMap(({ content }) =>
    'data' in content
      ? [
          {
            data: content.data as Record<string, unknown>,
            id: displayIdOf(content),
          },
        ]
      : [],
  );
  return {
    status: reply.content.status,
    stdout: texts('stdout'),
    stderr: texts('stderr'),
    error: (error?.traceback ?? []).join('\n').replace(/\u001b\[[0-9;]*m/g, ''),
    data: bundles.map(({ data }) => data),
    shown: bundles
      .filter(({ id }, at) => id === undefined || bundles.findIndex((each) => each.id === id) === at)
      .map(({ data, id }) =>
        id === undefined ? data : (bundles.findLast((each) => each.id === id)?.data ?? data),
      ),
    frames: JSON.stringify([...messages, reply]),
  };
}

function displayIdOf(content: object): unknown {
  return 'transient' in content ? Object(content.transient).display_id : undefined;
}
