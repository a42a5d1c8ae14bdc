import t from 'tap';
import { type Runtime, type RuntimeKernel, startRuntime } from '../support/runtime.js';
import { SPLUNK_PASSWORD, SPLUNK_TOKEN, SPLUNK_USER, type Splunk, startSplunk } from '../support/splunk.js';
import { until } from '../support/until.js';

t.setTimeout(300_000);

// Real are the gateway, Jupyter and its kernel; Splunk is scripted, see test/support/splunk.ts.

let splunk: Splunk;
let runtime: Runtime;
let kernel: RuntimeKernel;

t.before(async () => {
  const minutes = [0, 1, 2, 3].map((minute) => ({
    _time: `2026-01-31T11:0${minute}:00.000+00:00`,
    web1: String(minute * 10),
    web2: String(minute),
    _span: '60',
  }));
  const event = {
    _raw: 'GET /a <b>',
    _time: '2026-01-31T11:00:01.250Z',
    host: 'web1',
    _cd: '1',
    bytes: '12',
  };
  splunk = await startSplunk({
    search: (spl) => {
      if (spl.includes('nothing')) return {};
      if (spl.includes('endless')) return { states: [{ dispatchState: 'RUNNING', doneProgress: 0.1 }] };
      // As a service may: it quotes what it was sent.
      if (spl.includes('quoted'))
        return {
          refused: { status: 400, text: spl.includes('session') ? 'canary-session-1' : SPLUNK_TOKEN },
        };
      if (spl.includes('timechart')) return { rows: minutes };
      return {
        rows: [event, { ...event, host: 'web2' }],
        messages: [{ type: 'WARN', text: 'One peer is down' }],
      };
    },
  });
  t.teardown(() => splunk.close());
  runtime = await startRuntime(
    t,
    [
      `logs: {type: splunk, url: "${splunk.url}", token: "{{runtime_env:SPLUNK}}", default: true}`,
      `named: {type: splunk, url: "${splunk.url}", username: ${SPLUNK_USER}, password: "{{runtime_env:PASSWORD}}"}`,
    ],
    { SPLUNK: SPLUNK_TOKEN, PASSWORD: SPLUNK_PASSWORD },
  );
  kernel = await runtime.startKernel(t);
});

t.test('events, a chart and a variable are in the notebook', async (t) => {
  const { run, print } = kernel;
  await run('hosts = ["web1", \'we"b\']');
  const events = await run('%%splunk --range 15m --out events\nindex=web host IN ({{hosts}})');
  t.match(events, { status: 'ok', error: '' });
  t.equal(splunk.dispatched.at(-1)?.search, 'search index=web host IN ("web1", "we\\"b")');
  t.match(JSON.stringify(events.data), /GET \/a &lt;b&gt;/);
  t.match(JSON.stringify(events), /One peer is down/);
  t.equal(
    await print('list(events.columns), events.bytes.sum(), events._time[0].isoformat()'),
    "['_time', '_raw', 'host', 'bytes'] 24 2026-01-31T11:00:01.250000+00:00",
  );
  const chart = await run('%%splunk named\nindex=web | timechart span=1m sum(bytes) by host');
  t.match(JSON.stringify(chart.data), /vegalite/);
  const nothing = await run('%%splunk --out nothing\nnothing');
  t.match(nothing, { status: 'ok', error: '' });
  t.match(JSON.stringify(nothing.data), /No results/);
  t.equal(await print('len(nothing)'), '0');
  t.match(await run('%%splunk\nindex=web | delete'), { status: 'error', error: /deletes events/ });
});

t.test('an interrupt ends the job at Splunk', async (t) => {
  const before = splunk.dispatched.length;
  const running = kernel.run('%%splunk\nendless');
  await until(() => splunk.dispatched.length > before);
  await kernel.kernel.interrupt();
  t.match(await running, { status: 'error' });
  const id = String(splunk.dispatched.at(-1)?.id);
  await until(() => splunk.removed.includes(id));
  t.pass();
});

t.test('S10, S12: no credential is in frames, memory, history, files or the log', async (t) => {
  const cells = [
    '%%splunk --out a\nindex=web',
    '%%splunk named --out b\nindex=web',
    '%%splunk\nquoted',
    '%%splunk named\nquoted session',
  ];
  const values = [SPLUNK_TOKEN, SPLUNK_PASSWORD, ...splunk.sessions];
  t.ok(splunk.sessions.length > 0);
  t.same(await runtime.findLeaks(t, cells, values), []);
});
