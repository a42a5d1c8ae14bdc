import t, { type Test } from 'tap';
import { Secret } from '../../processors/core/secret.js';
import type { CompletionJob } from '../../processors/core/suggestion.js';
import type { Value } from '../../processors/core/value.js';
import { completeSpl } from '../../processors/splunk/completion.js';
import { testSplunk } from '../../processors/splunk/connection.js';
import type { SplunkSettings } from '../../processors/splunk/requests.js';
import { oneConnection, performCell, resources, weighCell } from '../support/brokered.js';
import {
  type Scripts,
  SPLUNK_PASSWORD,
  SPLUNK_TOKEN,
  SPLUNK_USER,
  type Splunk,
  startSplunk,
} from '../support/splunk.js';
import { until } from '../support/until.js';

// The peer is a scripted server, see test/support/splunk.ts: there is no Splunk to run.

async function splunkOf(t: Test, scripts: Scripts = {}) {
  const splunk = await startSplunk(scripts);
  t.teardown(() => splunk.close());
  const connections = (more: object = {}) =>
    oneConnection('splunk', { url: splunk.url, token: new Secret(SPLUNK_TOKEN), ...more });
  const run = (cell: string, values: Record<string, Value> = {}, more: object = {}) =>
    performCell(cell, connections(more), values);
  return { splunk, run, connections };
}

/** The columns' names and types, and the values by column, of the last table. */
function tableIn({ answers }: { answers: readonly Record<string, unknown>[] }) {
  const columns = answers.find(({ kind }) => kind === 'columns')?.columns as { name: string; type: string }[];
  const pages = answers.filter(({ kind }) => kind === 'rows').map(({ rows }) => rows as unknown[][]);
  return Object.fromEntries(
    columns.map(({ name, type }, at) => [name, [type, ...pages.flatMap((page) => page[at] ?? [])]]),
  );
}

const noteIn = ({ answers }: { answers: readonly Record<string, unknown>[] }) =>
  String(answers.at(-1)?.note ?? '');

async function allRemoved({ dispatched, removed }: Splunk) {
  await until(() => removed.length === dispatched.length);
}

const EVENTS = [
  {
    _bkt: 'main~1',
    _raw: 'GET /a 200',
    _time: '2026-01-31T12:00:00.250+01:00',
    host: 'web1',
    index: 'web',
    status: '200',
    tag: ['x', 'y'],
  },
  {
    _bkt: 'main~1',
    _raw: 'GET /b 500',
    _time: '2026-01-31T11:00:01.000Z',
    host: 'web2',
    index: 'web',
    code: '007',
  },
];

t.test(
  'events are a table with time and text first, and what was asked for is what Splunk gets',
  async (t) => {
    const { splunk, run } = await splunkOf(t, { search: () => ({ rows: EVENTS }) });
    const found = await run('%%splunk --range 15m --limit 50 --level fast --timeout 20\nindex=web error');
    t.equal(found.error, '');
    t.same(tableIn(found), {
      _time: ['time', 1769857200250000, 1769857201000000],
      _raw: ['text', 'GET /a 200', 'GET /b 500'],
      host: ['text', 'web1', 'web2'],
      index: ['text', 'web', 'web'],
      status: ['number', 200, null],
      tag: ['json', ['x', 'y'], null],
      code: ['text', null, '007'],
    });
    t.match(splunk.dispatched, [
      {
        search: 'search index=web error',
        earliest_time: '-900s',
        latest_time: 'now',
        max_count: '50',
        adhoc_search_level: 'fast',
        exec_mode: 'normal',
        auto_cancel: /^\d+$/,
      },
    ]);
    await allRemoved(splunk);
    t.same(splunk.removed, [splunk.dispatched[0]?.id], 'the job is removed at Splunk');
  },
);

t.test('a job is waited for, its progress told, and its warnings shown', async (t) => {
  const running = { dispatchState: 'RUNNING', doneProgress: 0.4, scanCount: 12_000, eventCount: 7 };
  const told: string[] = [];
  const isTold = () => told.some((text) => /scanned 12,000 events \(40 %\), 7 match/.test(text));
  const begins = [{ status: 204 }, { dispatchState: 'QUEUED' }, { status: 503 }];
  const { splunk, connections } = await splunkOf(t, {
    search: () => ({
      rows: [{ count: '3' }],
      states: (looked) =>
        begins[looked] ??
        (isTold()
          ? {
              dispatchState: 'DONE',
              isDone: '1',
              messages: [{ type: 'WARN', text: 'The field x is gone.' }],
            }
          : running),
      messages: [
        { type: 'ERROR', text: '[idx2] Search peer is down' },
        { type: 'INFO', text: 'Your timerange was substituted' },
      ],
    }),
  });
  const { error, answers, text } = await performCell(
    '%%splunk\n| tstats count',
    connections(),
    {},
    {},
    (answer) => {
      if (answer.kind === 'progress') told.push(String(answer.text));
      return false;
    },
  );
  t.equal(error, '');
  const notice = answers.find(({ kind }) => kind === 'notice');
  t.equal(notice?.text, 'Splunk WARN: The field x is gone.\nSplunk ERROR: [idx2] Search peer is down');
  t.notMatch(text, 'timerange');
  t.match(splunk.dispatched[0], { earliest_time: '-24h', latest_time: 'now' });
});

t.test('a search that fails or is refused says what Splunk says, and is not asked again', async (t) => {
  const { splunk, run } = await splunkOf(t, {
    search: (spl) =>
      spl.includes('bad')
        ? { refused: { status: 400, text: "Error in 'stats' command: The argument 'bad' is invalid." } }
        : {
            states: [{ dispatchState: 'FAILED', isFailed: true, messages: { fatal: ['Unknown lookup x'] } }],
          },
  });
  t.equal(
    (await run('%%splunk\n| stats bad')).error,
    "Splunk answered HTTP 400 Bad Request: Error in 'stats' command: The argument 'bad' is invalid.",
  );
  t.equal((await run('%%splunk\n| lookup x y')).error, 'Splunk: Unknown lookup x');
  await until(() => splunk.removed.length === 1);
  t.equal(splunk.dispatched.length, 2);
  t.same(
    splunk.asked.filter((each) => each.endsWith('/control')).length,
    1,
    'a search that was refused is no job that could be removed',
  );
});

t.test('an interrupted cell cancels its job at Splunk', async (t) => {
  const { splunk, run } = await splunkOf(t, {
    search: () => ({ states: [{ dispatchState: 'RUNNING', doneProgress: 0.1 }] }),
  });
  t.match((await run('%%splunk --timeout 0.6\nindex=web')).error, /took longer than 0.6 s/);
  await allRemoved(splunk);
  t.same(splunk.removed, [splunk.dispatched[0]?.id]);
});

t.test('Splunk runs as many searches as it may: the cell waits, and then says so', async (t) => {
  const text =
    'Search not executed: The maximum number of concurrent historical searches on this instance has been reached.';
  const { splunk, run } = await splunkOf(t, { search: () => ({ refused: { status: 503, text } }) });
  const { error } = await run('%%splunk --timeout 2\nindex=web');
  t.match(
    error,
    /runs as many searches as this user or this machine may: .*concurrent historical.*--timeout/,
  );
  t.equal(splunk.dispatched.length, 1, 'there was no time for a second one');
});

t.test(
  'all pages are fetched, also where Splunk gives smaller ones, and what comes late is not lost',
  async (t) => {
    const row = (at: number) => ({
      _raw: `line ${at} ${'x'.repeat(900)}`,
      _time: '2026-01-31T11:00:01Z',
      at: at === 19_998 ? 'last but one' : String(at),
      ...(at === 19_999 && { late: 'yes' }),
    });
    const { splunk, run } = await splunkOf(t, {
      search: (spl) => ({
        rows: { count: spl.includes('few') ? 2_500 : 20_000, row },
        maxresultrows: 7_000,
      }),
    });
    const few = tableIn(await run('%%splunk\nfew'));
    t.equal(few.at?.length, 2_501);
    t.equal(few['(others)'], undefined);
    const { error, answers } = await run('%%splunk --limit 50000\nmany');
    t.equal(error, '');
    const all = tableIn({ answers });
    t.equal(all._raw?.length, 20_001);
    t.equal(all.at?.[0], 'number');
    t.same(all['(others)']?.slice(-2), ['{"at":"last but one"}', '{"late":"yes"}']);
    t.equal(noteIn({ answers }), '');
    await allRemoved(splunk);
  },
);

t.test('a cut result says so', async (t) => {
  const { run } = await splunkOf(t, {
    search: (spl) => ({
      rows: [{ _raw: 'a' }, { _raw: 'b' }],
      states: [
        { isDone: true, eventCount: 9_000, resultIsStreaming: true, isFinalized: spl.includes('ended') },
      ],
    }),
  });
  t.equal(
    noteIn(await run('%%splunk --limit 2\nindex=web')),
    'The first 2 of 9,000 rows. Ask for more with --limit.',
  );
  t.match(
    noteIn(await run('%%splunk\nindex=web ended')),
    /^Partial, because the search was ended before it was complete\. The first 2 of 9,000 rows\.$/,
  );
  const { run: empty } = await splunkOf(t);
  t.equal(noteIn(await empty('%%splunk\nindex=none')), 'No results.');
});

t.test('a timechart is a chart above its table', async (t) => {
  const rows = [0, 1, 2].map((at) => ({
    _time: `2026-01-31T11:0${at}:00.000+00:00`,
    'web 1': String(at * 2),
    OTHER: String(at),
    _span: '60',
  }));
  const tidy = rows.flatMap(({ _time, _span }, at) =>
    ['a', 'b'].map((host) => ({ _time, host, count: String(at), _span })),
  );
  const { run } = await splunkOf(t, { search: (spl) => ({ rows: spl.includes('tstats') ? tidy : rows }) });
  const found = await run('%%splunk\nindex=web | timechart count by host');
  t.equal(found.error, '');
  t.same(Object.keys(tableIn(found)), ['_time', 'web 1', 'OTHER']);
  t.match(JSON.stringify(found.answers.at(-1)?.displays), /vegalite.*"series":"web 1"/);
  const second = await run('%%splunk\n| tstats count by _time host');
  t.match(JSON.stringify(second.answers.at(-1)?.displays), /"series":"a".*"series":"b"/);
});

t.test('saved searches run under their own time, and read-only ones only read', async (t) => {
  const { splunk, run } = await splunkOf(t, {
    saved: {
      'Errors by host': {
        search: 'index=web error | stats count by host',
        'dispatch.earliest_time': '-7d@d',
        'dispatch.latest_time': '@d',
      },
      writes: { search: '| inputlookup a | `keep(b.csv)`' },
    },
    macros: { 'keep(1)': { definition: 'outputlookup $file$', args: 'file' } },
  });
  t.equal((await run('%%splunk --saved "Errors by host"')).error, '');
  t.match(splunk.dispatched.at(-1), {
    search: 'search index=web error | stats count by host',
    earliest_time: '-7d@d',
    latest_time: '@d',
  });
  t.equal((await run('%%splunk --saved "Errors by host" --range 1h')).error, '');
  t.match(splunk.dispatched.at(-1), { earliest_time: '-3600s', latest_time: 'now' });
  t.equal((await run('%%splunk\n| savedsearch "Errors by host" | head 3')).error, '');
  t.equal(splunk.dispatched.at(-1)?.search, '| search index=web error | stats count by host | head 3');
  const before = splunk.dispatched.length;
  t.match(
    (await run('%%splunk --saved writes')).error,
    /The command outputlookup writes a lookup, and the conn/,
  );
  t.match((await run('%%splunk\n| savedsearch writes')).error, /outputlookup/);
  t.match(
    (await run('%%splunk --saved nothing')).error,
    /no saved search “nothing” that this connection may read/,
  );
  t.equal(splunk.dispatched.length, before);
  t.equal((await run('%%splunk --saved writes', {}, { read_only: false })).error, '');
  t.equal(splunk.dispatched.at(-1)?.search, '| inputlookup a | `keep(b.csv)`');
});

t.test('values are put in by the rules of the language, and times are checked', async (t) => {
  const { splunk, run } = await splunkOf(t);
  const host: Value = { type: 'text', value: 'a" | delete "' };
  await run('%%splunk --earliest -1h@h --latest 2026-01-31T12:00:00Z\nhost={{host}} "{{host}}"', { host });
  t.match(splunk.dispatched.at(-1), {
    search: 'search host="a\\" | delete \\"" "a\\" | delete \\""',
    earliest_time: '-1h@h',
    latest_time: '2026-01-31T12:00:00Z',
  });
  const { run: refused } = await splunkOf(t);
  t.match((await refused('%%splunk --earliest rt-5m\nx')).error, /real-time search, which never ends/);
  t.match((await refused('%%splunk --range 1h --latest now\nx')).error, /Use either --range, or/);
  t.match((await refused('%%splunk --latest "now; x"\nx')).error, /--latest takes a time/);
  t.match((await refused('%%splunk --level all\nx')).error, /--level takes smart, fast, verbose/);
  t.match((await refused('%%splunk --limit 0\nx')).error, /--limit takes a whole number/);
  t.match((await refused('%%splunk\n ')).error, /needs a search/);
});

t.test('a session is fetched once, again when Splunk has ended it, and is never shown', async (t) => {
  const { splunk, connections } = await splunkOf(t, {
    search: () => ({ rows: [{ said: 'canary-session-1 canary-session-2' }] }),
  });
  const login = { token: undefined, username: SPLUNK_USER, password: new Secret(SPLUNK_PASSWORD) };
  const run = () => performCell('%%splunk\nindex=web', connections(login));
  const found = await run();
  t.equal(found.error, '');
  t.notMatch(found.text, 'canary-session-1');
  splunk.revoke();
  t.equal((await run()).error, '');
  t.equal(splunk.sessions.length, 2);
  const wrong = await performCell(
    '%%splunk\nx',
    connections({ ...login, password: new Secret('canary-wrong') }),
  );
  t.match(wrong.error, /Splunk answered 401/);
  t.notMatch(wrong.text, 'canary-wrong');
});

t.test('an older Splunk is asked in its own way, and a link opens the search in its page', async (t) => {
  const { splunk, run } = await splunkOf(t, { isOld: true, search: () => ({ rows: [{ a: '1' }] }) });
  const { answers, error } = await run('%%splunk\nhost="<b>"', {}, { web_url: 'https://splunk.example.com' });
  t.equal(error, '');
  t.ok(splunk.asked.some((each) => /^GET \/services\/search\/jobs\/spin_[\w-]+\/results$/.test(each)));
  t.match(answers.at(-1)?.displays, [
    {
      'text/html':
        /^<a href="https:\/\/splunk\.example\.com\/app\/search\/search\?q=search\+host%3D%22%3Cb%3E%22&amp;earliest=/,
    },
  ]);
});

t.test('S15: many lines take no more memory than a page of them', async (t) => {
  const { connections } = await splunkOf(t, {
    search: () => ({
      rows: {
        count: 200_000,
        row: (at) => ({ _raw: `line ${at}`, _time: '2026-01-31T11:00:01Z', host: 'web1' }),
      },
    }),
  });
  const before = process.memoryUsage.rss();
  const { rows, memory, error } = await weighCell('%%splunk --limit 1000000\nindex=web', connections());
  t.equal(error, '');
  t.equal(rows, 200_000);
  t.ok(memory - before < 400 * 1024 ** 2, `${Math.round((memory - before) / 1024 ** 2)} MiB`);
});

t.test('names of a connection complete a search', async (t) => {
  const { splunk, connections } = await splunkOf(t, {
    indexes: ['main', 'web', 'web_old'],
    macros: { base: {}, 'of(2)': {} },
    saved: { 'Errors by host': {}, other: {} },
    search: () => ({ rows: [{ host: 'web1' }, { host: 'db1' }] }),
  });
  const settings = connections().find('splunk', undefined).settings() as SplunkSettings;
  const job: CompletionJob<SplunkSettings> = {
    remembered: (_, load) => load(settings, AbortSignal.timeout(10_000), resources),
  };
  const offered = async (body: string) => {
    const { items, from } = await completeSpl(body, body.length, job);
    return [body.slice(from), ...items.map(({ text }) => text)];
  };
  t.same(await offered('index=we'), ['we', 'web', 'web_old']);
  t.same(await offered('index="web" host=w'), ['w', 'web1']);
  t.same(await offered('`'), ['', 'base', 'of']);
  t.same(await offered('| savedsearch "Err'), ['Err', 'Errors by host']);
  t.same(await offered('index=web | timec'), ['timec', 'timechart']);
  t.same(await offered('index=web err'), ['']);
  t.match(splunk.dispatched, [{ search: /^\| metadata type=hosts index=\*/, exec_mode: 'oneshot' }]);
});

t.test('A6: the test of a connection says who it is, and what Splunk itself would let it do', async (t) => {
  const { connections } = await splunkOf(t, { capabilities: ['search', 'output_file'] });
  const test = async (more: object, peer = connections) => {
    const settings = peer(more).find('splunk', undefined).settings() as SplunkSettings;
    return testSplunk({ settings, signal: AbortSignal.timeout(10_000), resources, hide: () => {} });
  };
  t.equal(
    await test({}),
    'Splunk 9.4.1 as gateway (user). Splunk itself would let it write (output_file): give it a role without them',
  );
  t.equal(await test({ read_only: false }), 'Splunk 9.4.1 as gateway (user)');
  const { connections: poor } = await splunkOf(t, { capabilities: ['rest_properties_get'] });
  await t.rejects(test({}, poor), { message: /user gateway may not search: .*capability search/ });
  await t.rejects(test({ token: new Secret('wrong') }), { message: /Splunk answered 401/ });
});
