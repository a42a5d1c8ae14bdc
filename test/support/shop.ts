import { Client as Postgres } from 'pg';
import { PASSWORD as DATABASE_PASSWORD, type Database, startPostgres } from './databases.js';
import { PASSWORD as PROMETHEUS_PASSWORD, type Prometheus, startPrometheus } from './prometheus.js';

/** A shop whose checkouts are slow since a release: what an on-call engineer's notebook asks. */
export interface Shop {
  readonly prometheus: Prometheus;
  readonly postgres: Database;
  /** Its connections, one a line, as they stand below `connections:`. */
  readonly connections: readonly string[];
  /** The gateway's environment, which these refer to. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Steps of a checkout: their usual latency in seconds, and what the release made of it. */
const STEPS = {
  cart: [0.08, 1],
  stock: [0.21, 1.1],
  payment: [0.32, 3.6],
  invoice: [0.27, 2.1],
  mail: [0.12, 1],
};
const HOURS = 6;
/** Minutes since the release. */
const RELEASED = 95;
/** More than a chart can show apart. */
const PODS = 40;

export async function startShop(): Promise<Shop> {
  const [prometheus, postgres] = await Promise.all([startPrometheus(history(Date.now())), startPostgres()]);
  await fill(postgres);
  return {
    prometheus,
    postgres,
    connections: [
      `prod: {type: prometheus, url: "${prometheus.url}", username: ${prometheus.user}, password: "{{runtime_env:PROM}}", default: true}`,
      `shop: {type: sql, dsn: "postgres://${postgres.user}@127.0.0.1:${postgres.port}/postgres", password: "{{runtime_env:DB}}", default: true}`,
    ],
    env: { PROM: PROMETHEUS_PASSWORD, DB: DATABASE_PASSWORD },
    close: async () => {
      await Promise.all([prometheus.close(), postgres.close()]);
    },
  };
}

/** In OpenMetrics: one sample a minute. */
function history(now: number): string {
  const minutes = Array.from({ length: HOURS * 60 }, (_, index) => HOURS * 60 - index);
  const noise = noiseOf(7);
  const steps = Object.entries(STEPS).flatMap(([step, [usual = 0, factor = 1]]) =>
    minutes.map((ago) => {
      const slow = ago < RELEASED ? 1 + (factor - 1) * (1 - Math.exp((ago - RELEASED) / 6)) : 1;
      const value = usual * slow * (1 + 0.25 * (noise() - 0.5));
      return `step:latency_seconds:p99{step="${step}"} ${value.toFixed(4)} ${Math.round(now / 1000) - ago * 60}`;
    }),
  );
  const pods = Array.from({ length: PODS }, (_, pod) =>
    minutes
      .filter((ago) => ago % 5 === 0)
      .map((ago) => {
        const labels = `namespace="checkout",pod="checkout-7d9f8c6b5d-${(pod * 7919 + 123_456).toString(36)}",container="app"`;
        const bytes = Math.round((200 + 5 * pod + 40 * noise()) * 2 ** 20);
        return `container_memory_bytes{${labels}} ${bytes} ${Math.round(now / 1000) - ago * 60}`;
      }),
  ).flat();
  return [
    '# TYPE step:latency_seconds:p99 gauge',
    ...steps,
    '# TYPE container_memory_bytes gauge',
    ...pods,
    '# EOF\n',
  ].join('\n');
}

async function fill({ port, user }: Database): Promise<void> {
  const client = new Postgres({
    host: '127.0.0.1',
    port,
    user,
    database: 'postgres',
    password: DATABASE_PASSWORD,
  });
  await client.connect();
  await client.query(`
    create table releases (id bigint, service text, version text, at timestamptz, lines_changed int, risk numeric(4,2), rolled_back_at timestamptz, labels jsonb);
    insert into releases values
      (4182, 'payment', '2026.11.3', now() - interval '${RELEASED} minutes', 1204, 0.72, null, '{"team": "checkout"}'),
      (4181, 'invoice', '2026.11.2', now() - interval '${RELEASED + 2} minutes', 318, 0.40, null, '{"team": "checkout"}'),
      (4176, 'cart', '2026.10.9', now() - interval '2 days', 27, 0.05, now() - interval '47 hours', null),
      (4150, 'stock', '2026.10.1', now() - interval '9 days', 12980, 0.91, null, '{"team": "supply"}');
    create table orders as
      select id, 1000 + id * 7 as customer, (id * 37 % 20000) / 100.0 as amount, now() - id * interval '3 seconds' as at
      from generate_series(1, 12345) id;
  `);
  await client.end();
}

/** The same numbers in every run, from 0 to 1: a picture shouldn't change by itself. */
function noiseOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
