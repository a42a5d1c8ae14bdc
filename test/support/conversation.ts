import { Channel } from '../../gateway/channel/channel.js';
import type { SharedValues } from '../../gateway/channel/hidden/shared-values.js';
import { type Kernel, Kernels } from '../../gateway/channel/kernels/kernels.js';
import type { Wire } from '../../gateway/channel/wire/codec.js';
import type { Payload } from '../../gateway/channel/wire/frame.js';
import { parseJson } from '../../gateway/channel/wire/json-text.js';
import { createTell } from '../../gateway/events/events.js';
import { logReader } from '../../gateway/events/log-reader.js';
import { metricsReader } from '../../gateway/events/metrics-reader.js';
import { createLog, type Log } from '../../gateway/log.js';
import { Metrics } from '../../gateway/metrics.js';
import { NO_TRACING } from '../../gateway/tracing.js';
import { Secret } from '../../processors/core/secret.js';
import { createProcessors, type Processors, type Rewrite } from '../../processors/index.js';
import { connectionsOf } from './connections.js';
import { bytesOf, frameOf, type Parts, payloadOf } from './frames.js';

/** One message as a test reads it. */
export interface Said {
  readonly channel: string;
  readonly header: Record<string, unknown>;
  readonly parent: Record<string, unknown>;
  readonly metadata: Record<string, unknown>;
  readonly content: Record<string, unknown>;
}

export interface ConversationOptions {
  readonly wire?: Wire;
  readonly language?: string | (() => Promise<string>);
  /** The language that the kernel itself names when it is asked; absent: the same. */
  readonly speaks?: string;
  /** By the code that a cell holds; any other cell passes. A function may wait or throw. */
  readonly rewrites?: Readonly<Record<string, () => Rewrite | Promise<Rewrite>>>;
  /** In place of `rewrites`: real ones. */
  readonly processors?: Processors;
  readonly log?: Log;
  readonly metrics?: Metrics;
  /** What replicas share; absent: there are no others. */
  readonly shared?: SharedValues;
  /** The kernel of another conversation: both are clients of it. */
  readonly of?: Kernel;
}

export const HELPER = 'helper source';

export function rewriteTo(code: string, more: Partial<Rewrite> = {}): Rewrite {
  return { processor: 'shell', code, spin: { values: {} }, delivered: [], ...more };
}

const real = createProcessors({
  resolve: () => new Secret('a value'),
  connections: connectionsOf(),
});

function scripted(rewrites: NonNullable<ConversationOptions['rewrites']>): Processors {
  return {
    matches: (code) => code in rewrites,
    rewrite: async (code) => (await rewrites[code]?.()) ?? rewriteTo('unreachable'),
    asPython: async (code) => rewriteTo(code),
    elsewhere: (code, metadata, language) => real.elsewhere(code, metadata, language),
    refuse: (sentence) => rewriteTo(`raise ${sentence}`, { refused: sentence }),
    helper: { code: HELPER, magicQuestion: (name) => `has ${name}` },
    assists: () => false,
    complete: async () => undefined,
    explain: () => undefined,
  };
}

/** A channel without sockets: a test plays both the client and the kernel. */
export function conversation({
  wire = 'v1',
  language = 'python',
  speaks,
  rewrites = {},
  processors = scripted(rewrites),
  log = createLog('silent'),
  metrics = new Metrics('0.0.0'),
  shared,
  of,
}: ConversationOptions = {}) {
  const toKernel: Said[] = [];
  const toClient: Said[] = [];
  const faults: unknown[] = [];
  const raw = { toKernel: [] as Payload[], toClient: [] as Payload[] };
  const read = (payload: Payload): Said => {
    const frame = frameOf(wire, payload);
    const json = (part: 'header' | 'parent_header' | 'metadata' | 'content') =>
      parseJson(frame.text(part)) as Record<string, unknown>;
    const [header, parent, metadata, content] = [
      json('header'),
      json('parent_header'),
      json('metadata'),
      json('content'),
    ];
    return { channel: frame.channel, header, parent, metadata, content };
  };
  const questions = {
    language: typeof language === 'string' ? async () => language : language,
    living: async () => new Set<string>(),
    posted: async () => false,
  };
  const served = of ?? new Kernels(questions, shared).get('kernel-1');
  const channel = new Channel({
    wire,
    maxMessage: 10 * 1024 * 1024,
    kernel: served,
    processors,
    tell: createTell(logReader(log), metricsReader(metrics)),
    traffic: metrics.traffic,
    tracing: NO_TRACING,
    holder: () => ({ rights: 'all' }),
    viewer: () => ({ request: 'request-1', address: '192.0.2.1', principal: 'owner' }),
    toKernel(payload) {
      const said = read(payload);
      if (language !== 'python' && said.header.msg_type === 'kernel_info_request') {
        queueMicrotask(() => inform(said.header.msg_id, speaks ?? `${language}`));
        return;
      }
      raw.toKernel.push(payload);
      toKernel.push(said);
    },
    toClient(payload) {
      raw.toClient.push(payload);
      toClient.push(read(payload));
    },
    onHeld: () => {},
    onWait: () => {},
    onAnswered: () => {},
    onFault: (error) => {
      faults.push(error);
    },
  });
  const from = (send: (data: Buffer, binary: boolean) => void) => (name: string, parts: Parts) => {
    const payload = payloadOf(wire, name, parts);
    send(bytesOf(payload), payload.binary);
    return payload;
  };
  const client = from((data, binary) => channel.fromClient(data, binary));
  const kernel = from((data, binary) => channel.fromKernel(data, binary));
  /** The kernel says what it is. */
  const inform = (msg_id: unknown, name: string, implementation = `${name}-kernel`) => {
    const parent_header = { msg_id };
    const content = { status: 'ok', implementation, language_info: { name } };
    kernel('shell', { header: { msg_type: 'kernel_info_reply' }, parent_header, content });
    const idle = { execution_state: 'idle' };
    kernel('iopub', { header: { msg_type: 'status' }, parent_header, content: idle });
  };
  return {
    channel,
    /** What the gateway knows of the kernel. */
    of: served,
    inform,
    client,
    kernel,
    toKernel,
    toClient,
    raw,
    /** The error with which the channel asked for its end. */
    faults,
    /** The client sends a cell. */
    execute(id: string, code: string, content: object = {}, header: object = {}) {
      return client('shell', {
        header: { msg_id: id, msg_type: 'execute_request', ...header },
        content: { code, silent: false, stop_on_error: true, ...content },
      });
    },
    /** The kernel answers an execute_request. */
    reply(parent: unknown, status: string) {
      kernel('iopub', {
        header: { msg_type: 'status' },
        parent_header: { msg_id: parent },
        content: { execution_state: 'busy' },
      });
      kernel('shell', {
        header: { msg_type: 'execute_reply' },
        parent_header: { msg_id: parent },
        content: { status },
      });
      kernel('iopub', {
        header: { msg_type: 'status' },
        parent_header: { msg_id: parent },
        content: { execution_state: 'idle' },
      });
    },
    /** What the kernel has been asked to run, in order. */
    ran: () =>
      toKernel
        .filter(({ header }) => header.msg_type === 'execute_request')
        .map(({ content }) => content.code),
    /** Lets everything that is ready to happen happen. */
    settled: () => new Promise<void>((resolve) => setImmediate(resolve)),
  };
}
