import t from 'tap';
import { give, startRestServer } from '../processors/rest-server.js';
import { startGuard } from '../support/guard.js';
import { PASSWORD, USER } from '../support/prometheus.js';
import { startRuntime } from '../support/runtime.js';

t.setTimeout(180_000);

const ID = '2f3e0cee77ae5dc9c17ade3689eb2e54';
const START = 1_684_778_327_000_000_000n;

const spanOf = (id: string, parent: string, at: number, ms: number) => ({
  spanId: Buffer.from(id, 'hex').toString('base64'),
  parentSpanId: Buffer.from(parent, 'hex').toString('base64'),
  name: `<b>${id}</b>`,
  startTimeUnixNano: String(START + BigInt(at) * 1_000_000n),
  endTimeUnixNano: String(START + BigInt(at + ms) * 1_000_000n),
  attributes: [{ key: 'http.status_code', value: { intValue: '500' } }],
});

t.test('traces of a scripted Tempo, in a real kernel', async (t) => {
  const json = (body: object) => give('application/json', JSON.stringify(body));
  const spans = [
    spanOf('aaaaaaaaaaaaaaaa', '', 0, 100),
    spanOf('bbbbbbbbbbbbbbbb', 'aaaaaaaaaaaaaaaa', 10, 50),
  ];
  const service = await startRestServer(t, {
    '/api/search': json({
      traces: [{ traceID: ID, rootServiceName: 'shop', startTimeUnixNano: String(START), durationMs: 100 }],
    }),
    [`/api/v2/traces/${ID}`]: json({
      trace: {
        resourceSpans: [
          {
            resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
            scopeSpans: [{ spans }],
          },
        ],
      },
    }),
  });
  const guard = await startGuard(service.origin);
  t.teardown(() => guard.close());
  const at = `type: tempo, url: "${guard.url}", username: ${USER}`;
  const runtime = await startRuntime(
    t,
    [
      `prod: {${at}, password: "{{runtime_env:TEMPO}}", default: true}`,
      `wrong: {${at}, password: "{{runtime_env:WRONG}}"}`,
    ],
    { TEMPO: PASSWORD, WRONG: 'no' },
  );
  const { run, print } = await runtime.startKernel(t);
  t.match(await run('%%tempo --out found\n{ status = error }'), { status: 'ok', error: '' });
  t.equal(
    await print('found.traceID[0], found.duration_ms[0], str(found.start.dtype)'),
    `${ID} 100 datetime64[us, UTC]`,
  );
  const trace = await run('%%tempo --out spans\n{{found.traceID[0]}}');
  t.match(trace, { status: 'ok', error: '' });
  t.match(JSON.stringify(trace.data[0]), /vegalite.*"type":"bar"/);
  t.match(trace.data[1]?.['text/html'], /&lt;b&gt;aaaa.*2 rows/s);
  t.equal(
    await print('list(spans.depth), spans.attributes[1]["http.status_code"], spans.duration_ms.sum()'),
    '[0, 1] 500 150.0',
  );
  t.match(await run('%%tempo wrong\n{}'), { status: 'error', error: /401: the service does not accept/ });
  const encoded = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
  const cells = [`%%tempo\n${ID}`, '%%tempo wrong\n{}'];
  t.same(await runtime.findLeaks(t, cells, [PASSWORD, encoded]), [], 'S10, S12: the credential is nowhere');
});
