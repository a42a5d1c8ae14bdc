import t from 'tap';
import { Metrics, outcomeOf } from '../../gateway/metrics.js';
import { Traffic } from '../../gateway/traffic.js';

t.test('messages are counted by direction and channel, with their bytes', async (t) => {
  const traffic = new Traffic();
  traffic.add('to_kernel', 'shell', 100);
  traffic.add('to_kernel', 'shell', 11);
  traffic.add('from_kernel', 'iopub', 7);
  t.match(
    traffic.all().filter(({ messages }) => messages > 0),
    [
      { direction: 'to_kernel', channel: 'shell', messages: 2, bytes: 111 },
      { direction: 'from_kernel', channel: 'iopub', messages: 1, bytes: 7 },
    ],
  );
  t.equal(traffic.all().length, 8);
});

t.test('S15: what a kernel calls its status is no label of its own', async (t) => {
  const metrics = new Metrics('1.2.3');
  for (let i = 0; i < 100; i++) metrics.cell('shell', outcomeOf(`status ${i}`), 0.2);
  metrics.cell('', 'ok', 2);
  const text = await metrics.text();
  t.match(text, 'spin_cell_duration_seconds_count{processor="shell",outcome="other"} 100');
  t.match(text, 'spin_cell_duration_seconds_count{processor="unknown",outcome="ok"} 1');
  t.notMatch(text, 'status 7');
});

t.test('counters that are worked out when somebody asks stay the same when asked twice', async (t) => {
  const metrics = new Metrics('1.2.3');
  metrics.traffic.add('to_kernel', 'control', 5);
  await metrics.text();
  t.match(await metrics.text(), 'spin_kernel_messages_total{direction="to_kernel",channel="control"} 1');
});
