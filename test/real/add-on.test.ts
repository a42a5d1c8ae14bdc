import t from 'tap';
import { startRestServer } from '../processors/rest-server.js';
import { complete } from '../support/completion.js';
import { blocksOf } from '../support/page.js';
import { PASSWORD, USER } from '../support/prometheus.js';
import { startRuntime } from '../support/runtime.js';

t.setTimeout(180_000);

const SHIFTS = [
  { team: 'Disks "full"', person: 'Ana' },
  { team: 'mail & news', person: 'Bo' },
];

t.test('the integration that CONTRIBUTING.md shows works as it says', async (t) => {
  const [{ text: source } = { text: '' }] = await blocksOf('CONTRIBUTING.md', 'One with connections');
  t.ok(source.split('\n').length <= 60, 'in at most 60 lines');
  const encoded = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
  // The service is one of the reader's own.
  const service = await startRestServer(t, {
    '/api/shifts': (response, { headers, url }) => {
      if (headers.authorization !== `Basic ${encoded}`)
        return response.writeHead(401).end(`not ${headers.authorization}`);
      const teams = new URL(url, 'http://it').searchParams.getAll('team');
      const unknown = teams.find((team) => !SHIFTS.some((shift) => shift.team === team));
      if (unknown !== undefined) return response.writeHead(400).end(`no team ${unknown}`);
      const shifts = SHIFTS.filter(({ team }) => teams.length === 0 || teams.includes(team));
      return response.setHeader('content-type', 'application/json').end(JSON.stringify(shifts));
    },
  });
  const at = `type: oncall, url: "${service.origin}", username: ${USER}`;
  const runtime = await startRuntime(
    t,
    [
      `prod: {${at}, password: "{{runtime_env:ALERTS}}", default: true}`,
      `wrong: {${at}, password: "{{runtime_env:WRONG}}"}`,
    ],
    { ALERTS: PASSWORD, WRONG: 'no' },
    { 'oncall.mjs': source },
  );
  const { kernel, run, print } = await runtime.startKernel(t);
  const all = await run('%%oncall --out shifts');
  t.match(all, { status: 'ok', error: '' });
  t.match(all.data[0]?.['text/html'], /Disks &quot;full&quot;.*2 rows/s);
  t.equal(await print('sorted(shifts.person)'), "['Ana', 'Bo']");

  await run('team = \'Disks "full"\'; others = {"mail": "mail & news"}; list_ = [team]');
  for (const team of ['{{team}}', '{{others["mail"]}}', 'mail & news'])
    t.match((await run(`%%oncall\n${team}`)).data[0]?.['text/plain'], /\(1 row\)/, team);
  t.match(await run('%%oncall\n{{list_}}'), { status: 'error', error: /is a list; only text/ });
  t.match(await run('%%oncall wrong'), { status: 'error', error: /answered 401: see the credential/ });
  t.match(await run('%%oncall\nnobody'), {
    status: 'error',
    error: /The on-call service answered 400: no team nobody/,
  });
  t.match(await run('%%oncall --nxt'), { status: 'error', error: /Did you mean --next\?/ });
  t.same((await complete(kernel, '%%oncall --ne│')).matches, ['--next']);
  t.same((await complete(kernel, '%%oncall wr│')).matches, ['wrong']);

  const cells = ['%%oncall --out a', '%%oncall wrong', '%%oncall\nnobody'];
  t.same(await runtime.findLeaks(t, cells, [PASSWORD, encoded]), [], 'S10, S12: the credential is nowhere');
});
