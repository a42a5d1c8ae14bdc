import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A target of Prometheus that exposes a native histogram, `req_seconds`, beside a gauge of floats of the same name in
 * another label: in the one format that has them, delimited protocol buffers.
 * Source: https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
 */
export async function startHistogramTarget(): Promise<{ readonly target: string; close(): Promise<void> }> {
  let count = 0;
  const server = createServer((_, response) => {
    count += 10;
    response
      .writeHead(200, {
        'content-type':
          'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
      })
      .end(delimited(family(count)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    target: `127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Types of a metric. */
const HISTOGRAM = 4;

function family(count: number): Buffer {
  return message(
    text(1, 'req_seconds'),
    text(2, 'how long requests take'),
    varint(3, HISTOGRAM),
    nested(
      4,
      label('path', '/a'),
      nested(
        7,
        varint(1, count),
        double(2, count / 4),
        // Schema 0: the bounds of buckets are powers of two; (0.5, 1] and (1, 2] hold half of the count each.
        varint(5, 0),
        double(6, 0.001),
        varint(7, 0),
        nested(12, varint(1, 0), varint(2, 2)),
        // Deltas in zigzag encoding: count/2, then 0.
        varint(13, count),
        varint(13, 0),
      ),
    ),
  );
}

function label(name: string, value: string): Buffer {
  return nested(1, text(1, name), text(2, value));
}

function message(...fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

function nested(field: number, ...fields: readonly Buffer[]): Buffer {
  return Buffer.concat([tag(field, 2), delimited(message(...fields))]);
}

function text(field: number, value: string): Buffer {
  return Buffer.concat([tag(field, 2), delimited(Buffer.from(value))]);
}

function delimited(bytes: Buffer): Buffer {
  return Buffer.concat([base128(bytes.length), bytes]);
}

function varint(field: number, value: number): Buffer {
  return Buffer.concat([tag(field, 0), base128(value)]);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([tag(field, 1), bytes]);
}

function tag(field: number, type: number): Buffer {
  return base128(field * 8 + type);
}

function base128(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(bytes);
}
