import {
  type Kernel,
  KernelManager,
  type KernelMessage,
  ServerConnection,
  SessionManager,
} from '@jupyterlab/services';
import { WebSocket } from 'ws';
import type { TestGateway } from './gateway.js';

/** What is shown, by media type. */
type Bundle = Readonly<Record<string, unknown>>;

/** How a cell ended, and everything that a notebook would show of it. */
export interface Outcome {
  readonly status: string;
  readonly stdout: string;
  readonly stderr: string;
  /** The traceback's text, terminal colours removed. */
  readonly error: string;
  /** MIME bundles of results and displays, as they are once the cell has ended. */
  readonly data: readonly Bundle[];
  /** The same as they came, with every update of a display. */
  readonly updates: readonly Bundle[];
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

/**
 * Asks for all kernels as soon as it is made, and takes a kernel for dead that is missing in the answer: the
 * answer must not come after that of a kernel's start.
 */
class PatientManager extends KernelManager {
  override async startNew(...start: Parameters<KernelManager['startNew']>) {
    await this.ready;
    return super.startNew(...start);
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
  const kernels = new PatientManager({ serverSettings });
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
  return {
    status: reply.content.status,
    stdout: texts('stdout'),
    stderr: texts('stderr'),
    error: (error?.traceback ?? []).join('\n').replace(/\u001b\[[0-9;]*m/g, ''),
    data: lastOf(messages),
    updates: messages.flatMap(({ content }) => ('data' in content ? [content.data as Bundle] : [])),
    frames: JSON.stringify([...messages, reply]),
  };
}

/** An update takes the place of the display that it is of. */
function lastOf(messages: readonly KernelMessage.IIOPubMessage[]): Bundle[] {
  const shown = new Map<unknown, Bundle>();
  for (const { content } of messages) {
    if (!('data' in content)) continue;
    const { display_id } = Object('transient' in content ? content.transient : {}) as { display_id?: string };
    shown.set(display_id ?? Symbol('a display of its own'), content.data as Bundle);
  }
  // Nothing removes the progress of a slow cell: it stays beside its result, in the place of a table.
  return [...shown.values()].filter((data) => Object.keys(data).length > 1 || data['text/plain'] !== '');
}
