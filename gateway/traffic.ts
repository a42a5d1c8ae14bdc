/** The channels that a client and a kernel talk by. */
export const CHANNELS = ['shell', 'control', 'stdin', 'iopub'] as const;

export type KernelChannel = (typeof CHANNELS)[number];

/** What came by one channel, in one direction. */
class Flow {
  messages = 0;
  bytes = 0;
}

type Flows = Record<KernelChannel, Flow>;

/** A message's way, as its label says it. */
export type Direction = 'to_kernel' | 'from_kernel';

export interface Counted {
  readonly direction: Direction;
  readonly channel: KernelChannel;
  readonly messages: number;
  readonly bytes: number;
}

/**
 * Kernel messages as plain numbers: a message costs two additions, and what they mean to Prometheus is worked out when
 * it asks.
 */
export class Traffic {
  readonly #flows: Readonly<Record<Direction, Flows>> = { to_kernel: flows(), from_kernel: flows() };

  add(direction: Direction, channel: KernelChannel, bytes: number): void {
    const flow = this.#flows[direction][channel];
    flow.messages++;
    flow.bytes += bytes;
  }

  /** Everything since the start. */
  all(): readonly Counted[] {
    return (['to_kernel', 'from_kernel'] as const).flatMap((direction) =>
      CHANNELS.map((channel) => ({ direction, channel, ...this.#flows[direction][channel] })),
    );
  }
}

function flows(): Flows {
  return { shell: new Flow(), control: new Flow(), stdin: new Flow(), iopub: new Flow() };
}
