import { pino } from 'pino';
import t from 'tap';
import { createTell, type Event } from '../gateway/events/events.js';
import { logReader } from '../gateway/events/log-reader.js';
import { metricsReader } from '../gateway/events/metrics-reader.js';
import { Metrics } from '../gateway/metrics.js';

const FROM = { request: 'request-1', address: '192.0.2.1', principal: 'owner' } as const;
const KERNEL = { ...FROM, kernel: 'kernel-1' } as const;
const FAULT = { kind: 'TypeError' } as const;

/** What the log's reader makes of each, in order: a collector of lines relies on message, level and fields. */
const LINES: readonly (readonly [Event, level: string, msg: string, fields: object])[] = [
  [
    { kind: 'cell ended', ...KERNEL, processor: 'sql', source: 'ab', outcome: 'ok', seconds: 1.2345 },
    'info',
    'cell',
    { ...KERNEL, processor: 'sql', source: 'ab', status: 'ok', duration_ms: 1235 },
  ],
  [
    { kind: 'cell not rewritten', request: 'request-1', kernel: 'kernel-1', processor: 'sql', fault: FAULT },
    'error',
    'a cell could not be rewritten',
    { request: 'request-1', fault: FAULT, kernel: 'kernel-1', processor: 'sql' },
  ],
  [
    { kind: 'brokered failed', request: 'request-1', type: 'splunk', fault: FAULT },
    'error',
    'a brokered request failed',
    { request: 'request-1', fault: FAULT, processor: 'splunk' },
  ],
  [
    { kind: 'question forged', request: 'request-1', page: 2 },
    'warn',
    'a question that its cell did not ask was refused',
    { request: 'request-1', page: 2 },
  ],
  [
    { kind: 'question too long', request: 'request-1', bytes: 9 },
    'warn',
    'a question that is too long was refused',
    { request: 'request-1', bytes: 9 },
  ],
  [
    { kind: 'answer dropped', ...KERNEL, msg_type: 'input_reply' },
    'warn',
    'an answer that nothing asked for was dropped',
    { ...KERNEL, msg_type: 'input_reply' },
  ],
  [{ kind: 'client left', ...KERNEL }, 'info', 'a client left; what waits for it continues', KERNEL],
  [
    { kind: 'kernel socket closed', ...KERNEL, code: 'MALFORMED_FRAME', fault: FAULT },
    'warn',
    'a kernel websocket was closed',
    { ...KERNEL, code: 'MALFORMED_FRAME', fault: FAULT },
  ],
];

t.test('an event is one line of the log', async (t) => {
  const lines: string[] = [];
  const formatters = { level: (level: string) => ({ level }) };
  const options = { base: null, timestamp: false, formatters };
  const tell = logReader(pino(options, { write: (line: string) => void lines.push(line) }));
  for (const [event, level, msg, fields] of LINES) {
    tell(event);
    t.same(JSON.parse(lines.pop() ?? ''), { level, msg, ...fields }, event.kind);
  }
  tell({ kind: 'answered', route: 'jupyter', status: 200 });
  tell({ kind: 'brokered retried', type: 'splunk' });
  t.same(lines, [], 'and no line for what is only counted');
});

t.test('an event counts, and every reader gets it', async (t) => {
  const metrics = new Metrics('0.0.0');
  const seen: Event[] = [];
  const tell = createTell(metricsReader(metrics), (event) => seen.push(event));
  for (const [event] of LINES) tell(event);
  tell({ kind: 'answered', route: 'jupyter', status: 200 });
  tell({ kind: 'brokered retried', type: 'splunk' });
  tell({ kind: 'brokered ended', type: 'splunk', outcome: 'ok', rows: 3 });
  t.equal(seen.length, LINES.length + 3);
  const text = await metrics.text();
  for (const line of [
    'spin_http_requests_total{route="jupyter",status="200"} 1',
    'spin_cell_duration_seconds_count{processor="sql",outcome="ok"} 1',
    'spin_brokered_retries_total{type="splunk"} 1',
    'spin_brokered_rows_total{type="splunk"} 3',
    'spin_brokered_requests_total{type="splunk",outcome="ok"} 1',
  ])
    t.match(text, line);
});
