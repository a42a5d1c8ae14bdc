import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Refusal } from './errors.js';
import { Traffic } from './traffic.js';

/** What serves a request: a label, so a closed list. */
export type Route = 'health' | 'spin' | 'jupyter' | 'websocket';

/** How a brokered request ended: with all its pages, with an error, or because its cell was over before. */
export type BrokeredOutcome = 'ok' | 'error' | 'cancelled';

const CELL_OUTCOMES = ['ok', 'error', 'aborted', 'unseen'] as const;
export type CellOutcome = (typeof CELL_OUTCOMES)[number] | 'other';

/** An execute_reply's status is the kernel's word, and so anything: only these stand in a label, a span or the log. */
export function outcomeOf(status: string): CellOutcome {
  return CELL_OUTCOMES.find((known) => known === status) ?? 'other';
}

/** From a print to a long query, in seconds. */
const CELL_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800];

/** A gauge whose name ends as a counter's must: Prometheus' own check refuses it. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** What is asked only when metrics are collected. */
export interface Sources {
  /** Clients' websockets that are open, by kind. */
  openSockets(): Iterable<readonly [kind: string, count: number]>;
  /** When the certificate in use ends, in seconds since 1970; undefined without TLS. */
  certificateExpiry(): number | undefined;
  /** The connection catalogue: whether its file as it is now is in use, and since when (seconds since 1970). */
  catalogue(): { readonly ok: boolean; readonly loadedAt: number };
  /** How often the embedded Jupyter was restarted. */
  jupyterRestarts(): number;
  /** Whether Jupyter answers. */
  upstreamUp(): Promise<boolean>;
}

/**
 * The gateway's numbers, in Prometheus' names (https://prometheus.io/docs/practices/naming/). A label is a word of the
 * gateway's own or the name of a processor: never a path, a kernel, a user, or anything that a client, a kernel or a
 * service says (invariant S10), so the number of series is bounded (S15).
 */
export class Metrics {
  readonly traffic = new Traffic();
  readonly #registry = new Registry();
  readonly #requests = this.#counter('spin_http_requests_total', 'Requests and upgrades answered.', [
    'route',
    'status',
  ]);
  readonly #refusals = this.#counter('spin_refusals_total', 'Requests refused by the gateway itself.', [
    'reason',
  ]);
  readonly #logins = this.#counter('spin_logins_total', 'Logins, and tokens that were refused.', [
    'carrier',
    'outcome',
  ]);
  readonly #brokered = this.#counter('spin_brokered_requests_total', 'Requests of cells to connections.', [
    'type',
    'outcome',
  ]);
  readonly #rows = this.#counter('spin_brokered_rows_total', 'Rows that connections gave to kernels.', [
    'type',
  ]);
  readonly #retries = this.#counter('spin_brokered_retries_total', 'Requests that were sent again.', [
    'type',
  ]);
  readonly #cells = new Histogram({
    name: 'spin_cell_duration_seconds',
    help: 'Cells, from the request to its reply; the outcome unseen: no client waited for it.',
    labelNames: ['processor', 'outcome'],
    buckets: CELL_SECONDS,
    registers: [this.#registry],
  });

  /** @param version the gateway's own */
  constructor(version: string) {
    const registers = [this.#registry];
    new Gauge({
      name: 'spin_build_info',
      help: 'The version that runs; always 1.',
      labelNames: ['version', 'node'],
      registers,
    }).set({ version, node: process.versions.node }, 1);
    const { traffic } = this;
    for (const [unit, name] of [
      ['messages', 'spin_kernel_messages_total'],
      ['bytes', 'spin_kernel_message_bytes_total'],
    ] as const) {
      new Counter({
        name,
        help: `Kernel ${unit === 'bytes' ? 'messages’ sizes' : 'messages'} as they came, by direction and channel.`,
        labelNames: ['direction', 'channel'],
        registers,
        collect() {
          this.reset();
          for (const { direction, channel, [unit]: count } of traffic.all())
            this.inc({ direction, channel }, count);
        },
      });
    }
    // Those of this process: memory, CPU, file descriptors, event loop, garbage collection.
    collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
  }

  answered(route: Route, status: number): void {
    this.#requests.inc({ route, status: String(status) });
  }

  refused(reason: Refusal): void {
    this.#refusals.inc({ reason });
  }

  /** @param carrier how the token came */
  login(carrier: string, outcome: 'success' | 'failure' | 'throttled'): void {
    this.#logins.inc({ carrier, outcome });
  }

  /** @param processor its name; empty where it isn't known */
  cell(processor: string, outcome: CellOutcome, seconds: number): void {
    this.#cells.observe({ processor: processor || 'unknown', outcome }, seconds);
  }

  brokered(type: string, outcome: BrokeredOutcome, rows: number): void {
    this.#brokered.inc({ type, outcome });
    this.#rows.inc({ type }, rows);
  }

  retried(type: string): void {
    this.#retries.inc({ type });
  }

  /** Adds what is asked only when metrics are collected. */
  watch(sources: Sources): void {
    this.#gauge('spin_websockets', 'Open websockets of clients.', ['kind'], (gauge) => {
      for (const [kind, count] of sources.openSockets()) gauge.set({ kind }, count);
    });
    this.#gauge(
      'spin_certificate_expiry_timestamp_seconds',
      'When the certificate in use expires.',
      [],
      (gauge) => {
        const expiry = sources.certificateExpiry();
        if (expiry !== undefined) gauge.set(expiry);
        else gauge.remove();
      },
    );
    this.#gauge(
      'spin_catalogue_last_load_successful',
      'Whether the catalogue’s file is in use.',
      [],
      (gauge) => gauge.set(Number(sources.catalogue().ok)),
    );
    this.#gauge(
      'spin_catalogue_last_load_success_timestamp_seconds',
      'Since when the catalogue is in use.',
      [],
      (gauge) => gauge.set(sources.catalogue().loadedAt),
    );
    this.#gauge('spin_upstream_up', 'Whether Jupyter answers.', [], async (gauge) =>
      gauge.set(Number(await sources.upstreamUp())),
    );
    new Counter({
      name: 'spin_jupyter_restarts_total',
      help: 'How often the embedded Jupyter was restarted.',
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(sources.jupyterRestarts());
      },
    });
  }

  /** @returns Prometheus' text format, as {@link contentType} says */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    ask: (gauge: Gauge<Label>) => void | Promise<void>,
  ): void {
    new Gauge<Label>({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        return ask(this);
      },
    });
  }
}
