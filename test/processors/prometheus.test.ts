import t from 'tap';
import { oneConnection, performCell } from '../support/brokered.js';
import { give, startRestServer } from './rest-server.js';

const SUCCESS = JSON.stringify({
  status: 'success',
  data: { resultType: 'vector', result: [{ metric: { job: 'a' }, value: [1_700_000_000, '7'] }] },
});

t.test('a query waits for a proxy that is busy, and says so', async (t) => {
  let times = 0;
  const server = await startRestServer(t, {
    '/api/v1/query': (response) => {
      times += 1;
      if (times < 3) response.writeHead(503, { 'retry-after': '0' }).end('<h1>busy</h1>');
      else response.end(SUCCESS);
    },
  });
  const { answers, error } = await performCell(
    '%%prometheus\nup',
    oneConnection('prometheus', { url: server.origin }),
  );
  t.equal(error, '');
  t.equal(times, 3);
  // A slow machine is told the progress too.
  t.match(answers.filter(({ kind }) => kind !== 'progress').at(-2), { kind: 'rows' });
});

t.test('what Prometheus itself refuses is asked once', async (t) => {
  const body = JSON.stringify({ status: 'error', errorType: 'timeout', error: 'query timed out' });
  const server = await startRestServer(t, { '/api/v1/query': give('application/json', body, 503) });
  const connections = oneConnection('prometheus', { url: server.origin });
  t.equal((await performCell('%%prometheus\nup', connections)).error, 'Prometheus: query timed out');
  t.equal(server.asked.length, 1);
});
