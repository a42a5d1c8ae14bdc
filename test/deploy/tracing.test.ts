import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ask } from '../support/ask.js';
import { connect, execute } from '../support/client.js';
import { startCollector } from '../support/collector.js';
import { startTestGateway, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { PASSWORD, startPrometheus } from '../support/prometheus.js';
import { until } from '../support/until.js';

t.setTimeout(900_000);

/** The collector's words for one span. */
interface Span {
  readonly name: string;
  readonly trace: string;
  readonly id: string;
  readonly parent: string;
  readonly text: string;
}

function spansIn(printed: string): Span[] {
  return printed
    .split(/^Span #\d+$/m)
    .slice(1)
    .map((text) => {
      const field = (name: string) => new RegExp(`^ +${name} +: ?(.*)$`, 'm').exec(text)?.[1] ?? '';
      return {
        name: field('Name'),
        trace: field('Trace ID'),
        id: field('ID'),
        parent: field('Parent ID'),
        text,
      };
    });
}

t.test('spans reach an OpenTelemetry Collector, and hold nothing of a cell', async (t) => {
  const collector = await startCollector();
  t.teardown(() => collector.close());
  const prometheus = await startPrometheus();
  t.teardown(() => prometheus.close());
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const file = join(t.testdir({}), 'connections.yaml');
  const at = `url: "${prometheus.url}", username: ${prometheus.user}, password: "{{runtime_env:PROM}}"`;
  await writeFile(file, `connections:\n  prod: {type: prometheus, ${at}}\n`);
  // The SDK itself reads it, as in production.
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
  process.env.OTEL_SERVICE_NAME = 'a-runtime';
  t.teardown(() => {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    delete process.env.OTEL_SERVICE_NAME;
  });
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env: { PROM: PASSWORD, KEY: 'canary-value-8472' },
    connections: { file, required: true },
    trustedProxies: ['127.0.0.1/32'],
    tracing: { ratio: 1, parentBased: true },
  });
  const client = connect(gateway);
  const kernel = await client.kernels.startNew({ name: 'python3' });
  await execute(kernel, 'secret_word = "canary-text-8472 {{runtime_env:KEY}}"');
  await execute(kernel, '%%prometheus\nup{canary_label_8472=""} or up');
  await execute(kernel, 'raise ValueError("canary-error-8472")');
  await kernel.shutdown();
  client.close();
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const headers = { authorization: `token ${gateway.token}`, traceparent: `00-${trace}-00f067aa0ba902b7-01` };
  await ask(`${gateway.origin}/api/status?x=canary-query-8472`, { headers });
  // It sends what is left.
  await gateway.close();

  const sampling = await startTestGateway({
    upstream: upstreamOf(jupyter),
    trustedProxies: ['127.0.0.1/32'],
    tracing: { ratio: 0, parentBased: true },
  });
  const sampled = trace.replace('4bf9', 'feed');
  await ask(`${sampling.origin}/api/status`, { headers: { authorization: headers.authorization } });
  for (const [id, flags] of [
    [trace.replace('4bf9', 'dead'), '00'],
    [sampled, '01'],
  ])
    await ask(`${sampling.origin}/api/status`, {
      headers: { ...headers, traceparent: `00-${id}-00f067aa0ba902b7-${flags}` },
    });
  await sampling.close();
  await until(() => collector.printed().includes(sampled));
  await until(() => collector.printed().includes(trace));

  const spans = spansIn(collector.printed());
  const cells = spans.filter(({ name }) => name === 'cell');
  t.match(collector.printed(), 'service.name: Str(a-runtime)');
  t.equal(cells.filter(({ text }) => text.includes('spin.outcome: Str(ok)')).length, 2);
  t.match(cells.find(({ text }) => text.includes('spin.outcome: Str(error)'))?.text, /Status code +: Error/);
  const [brokered] = spans.filter(({ name }) => name === 'brokered request');
  const cell = cells.find(({ text }) => text.includes('spin.processor: Str(prometheus)'));
  t.match(brokered, { trace: cell?.trace, parent: cell?.id });
  t.match(brokered?.text, 'spin.outcome: Str(ok)');
  t.match(brokered?.text, /spin\.rows: Int\([1-9]/);
  const continued = spans.find((span) => span.trace === trace);
  t.match(continued, { name: 'request', parent: '00f067aa0ba902b7' }, "a trusted proxy's trace goes on");
  t.match(continued?.text, 'http.response.status_code: Int(200)');
  const ofSampling = spans.slice(spans.indexOf(continued as Span) + 1);
  t.same(
    ofSampling.map((span) => span.trace),
    [sampled],
    'a share of 0 sends only what a trusted proxy has begun to send',
  );
  t.notMatch(collector.printed(), /canary|8472|password/i, 'S10');
});
