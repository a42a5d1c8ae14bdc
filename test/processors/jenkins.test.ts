import t, { type Test } from 'tap';
import type { Connections } from '../../processors/core/connection.js';
import { Secret } from '../../processors/core/secret.js';
import type { CompletionJob } from '../../processors/core/suggestion.js';
import type { Value } from '../../processors/core/value.js';
import { builtIn } from '../../processors/index.js';
import { pathOf, readCommand } from '../../processors/jenkins/command.js';
import { completeJenkins } from '../../processors/jenkins/completion.js';
import type { JenkinsSettings } from '../../processors/jenkins/requests.js';
import { oneConnection, performCell, resources } from '../support/brokered.js';
import {
  JENKINS_SECRETS,
  JENKINS_TOKEN,
  JENKINS_USER,
  type JenkinsScript,
  startJenkins,
} from '../support/jenkins.js';
import { until } from '../support/until.js';

// The peer is a scripted server, see test/support/jenkins.ts; test/nightly/jenkins.test.ts has a real one.

async function jenkinsOf(t: Test, script: JenkinsScript = {}) {
  const jenkins = await startJenkins(script);
  t.teardown(() => jenkins.close());
  const connections = (more: object = {}) =>
    oneConnection('jenkins', {
      url: jenkins.url,
      username: JENKINS_USER,
      token: new Secret(JENKINS_TOKEN),
      read_only: false,
      ...more,
    });
  const run = async (cell: string, values: Record<string, Value> = {}, more: object = {}) => {
    const found = await performCell(cell, connections(more), values);
    for (const secret of JENKINS_SECRETS) t.notMatch(found.text, secret, 'S10');
    return found;
  };
  return { jenkins, run, connections };
}

function tableIn({ answers }: { answers: readonly Record<string, unknown>[] }) {
  const columns = answers.find(({ kind }) => kind === 'columns')?.columns as { name: string }[];
  const rows = answers.find(({ kind }) => kind === 'rows')?.rows as unknown[][] | undefined;
  return Object.fromEntries(columns.map(({ name }, at) => [name, rows?.[at] ?? []]));
}

const noteIn = ({ answers }: { answers: readonly Record<string, unknown>[] }) =>
  String(answers.at(-1)?.note ?? '');

const BUILD = {
  number: 7,
  result: 'FAILURE',
  timestamp: 1_769_857_200_000,
  duration: 90_500,
  building: false,
  url: 'b',
};
const JOBS = {
  jobs: [
    {
      name: 'docs',
      color: 'blue',
      lastBuild: { ...BUILD, result: 'SUCCESS' },
      lastCompletedBuild: { ...BUILD, result: 'SUCCESS' },
      url: 'd',
    },
    {
      name: 'team',
      url: 't',
      jobs: [
        {
          name: 'a b',
          color: 'red_anime',
          lastBuild: { number: 8, result: null, building: true, timestamp: 1_769_857_300_000, duration: 0 },
          lastCompletedBuild: BUILD,
          lastSuccessfulBuild: { number: 5, timestamp: 1_769_800_000_000 },
          inQueue: false,
          url: 'j',
        },
      ],
    },
  ],
};

t.test('jobs and failures, in folders too, are asked for by a tree and read by GET', async (t) => {
  const { jenkins, run } = await jenkinsOf(t, {
    answers: { '': JOBS, 'job/team/': { jobs: JOBS.jobs[1]?.jobs }, 'job/empty/': { jobs: [] } },
  });
  t.match(tableIn(await run('%%jenkins\njobs')), {
    job: ['docs', 'team/a b'],
    state: ['success', 'failure, running'],
    build: [7, 8],
    result: ['SUCCESS', 'running'],
    seconds: [90.5, null],
  });
  const failures = await run('%%jenkins\nfailures');
  t.match(tableIn(failures), {
    job: ['team/a b'],
    build: [7],
    result: ['FAILURE'],
    time: [1_769_857_200_000_000],
    last_success: [1_769_800_000_000_000],
    running: [true],
  });
  t.equal(noteIn(failures), 'The last build of 1 of 2 jobs was no success.');
  t.same(tableIn(await run('%%jenkins\njobs team')).job, ['team/a b']);
  t.match(noteIn(await run('%%jenkins\njobs empty')), /no job that the connection may see/);
  t.match(
    noteIn(await run('%%jenkins --limit 1\njobs')),
    'The first 1 of 2 rows: ask for more with --limit.',
  );
  t.match(
    (await run('%%jenkins\njobs none')).error,
    /no folder none, or the connection's user may not see it/,
  );
  t.ok(jenkins.asked.every((each) => each.startsWith('GET ')));
});

t.test('tests, queue, nodes and builds are tables, what needs a person first', async (t) => {
  const cases = [
    { className: 'a.B', name: 'works', status: 'PASSED', age: 0, duration: 0.1 },
    {
      className: 'a.B',
      name: 'breaks',
      status: 'REGRESSION',
      age: 1,
      duration: 2,
      errorDetails: 'expected 1',
      errorStackTrace: 'at x',
    },
    { className: 'a.B', name: 'waits', status: 'SKIPPED', age: 0, duration: 0 },
  ];
  const { run } = await jenkinsOf(t, {
    answers: {
      'job/app/7/testReport/': { suites: [{ name: 'unit', cases }] },
      'job/app/lastCompletedBuild/testReport/': {
        childReports: [{ result: { suites: [{ name: 's', cases }] } }],
      },
      'job/app/': {
        builds: [{ ...BUILD, actions: [{ causes: [{ shortDescription: 'Started by timer' }] }, {}] }],
      },
      'queue/': {
        items: [
          {
            id: 3,
            why: 'Waiting for next available executor',
            inQueueSince: 1_769_857_200_000,
            stuck: true,
            task: { name: 'app' },
            params: '',
          },
        ],
      },
      'computer/': {
        computer: [
          {
            displayName: 'one',
            offline: false,
            numExecutors: 2,
            executors: [{ currentExecutable: { url: 'x' } }, { currentExecutable: null }],
          },
          {
            displayName: 'two',
            offline: true,
            temporarilyOffline: true,
            offlineCauseReason: 'disk full',
            numExecutors: 1,
            executors: [],
          },
        ],
      },
    },
  });
  const failed = await run('%%jenkins\ntests app 7');
  t.match(tableIn(failed), {
    test: ['a.B.breaks'],
    failing_builds: [1],
    error: ['expected 1'],
    stack: ['at x'],
  });
  t.equal(noteIn(failed), '1 failed, 1 skipped, 1 passed. All of them: --all.');
  t.same(tableIn(await run('%%jenkins --all\ntests app')).test, ['a.B.breaks', 'a.B.works', 'a.B.waits']);
  t.match((await run('%%jenkins\ntests app 9')).error, /no report of tests for that build/);
  t.match(tableIn(await run('%%jenkins\nqueue')), {
    job: ['app'],
    why: [/next available executor/],
    stuck: [true],
  });
  const nodes = await run('%%jenkins\nnodes');
  t.match(tableIn(nodes), {
    node: ['two', 'one'],
    state: ['taken offline', 'online'],
    why: ['disk full', null],
    busy: [0, 1],
  });
  t.equal(noteIn(nodes), '1 of 2 are offline.');
  t.match(tableIn(await run('%%jenkins\nbuilds app')), {
    build: [7],
    cause: ['Started by timer'],
    seconds: [90.5],
  });
});

t.test('a log is shown from its end, however long it is, and followed', async (t) => {
  const line = (at: number) => `line ${at} ${'é'.repeat(40)}\n`;
  const long = Array.from({ length: 100_000 }, (_, at) => line(at)).join('');
  const bytes = Buffer.from(long);
  let looked = 0;
  const { jenkins, run } = await jenkinsOf(t, {
    logs: {
      'job/app/3/': 'one\r\ntwo\nthree\n',
      'job/app/lastBuild/': (start) => ({
        text: bytes.subarray(start).toString(),
        size: bytes.length,
        more: false,
      }),
      'job/live/lastBuild/': (start) => {
        looked += 1;
        return start === 0
          ? { text: 'begins\n', size: 7, more: true }
          : { text: looked === 3 ? 'ends\n' : '', size: looked >= 3 ? 12 : 7, more: looked < 3 };
      },
    },
  });
  const short = await run('%%jenkins --tail 2\nlog app 3');
  t.equal(short.contents, 'two\nthree');
  t.equal(short.answers.at(-1)?.summary, 'The last 2 lines: ask for more with --tail.');
  t.equal((await run('%%jenkins\nlog app 3')).contents, 'one\ntwo\nthree');
  const before = jenkins.asked.length;
  const end = await run('%%jenkins --tail 3\nlog app');
  t.equal(
    Buffer.from(end.contents, 'latin1').toString(),
    [99_997, 99_998, 99_999].map(line).join('').trimEnd(),
  );
  t.equal(jenkins.asked.length, before + 2, 'the beginning was skipped');
  const live = await run('%%jenkins\nlog live');
  t.equal(live.contents, 'begins');
  t.equal(live.answers.at(-1)?.summary, 'The build still runs: --follow waits for its end.');
  looked = 0;
  t.equal((await run('%%jenkins --follow\nlog live')).contents, 'begins\nends');
  t.match(
    (await run('%%jenkins\nlog none')).error,
    /no log of this build, or the connection's user may not see it/,
  );
});

t.test('a build is refused while the connection is read-only, before anything is asked', async (t) => {
  const { jenkins, connections } = await jenkinsOf(t);
  const { username, token, url } = connections().find('jenkins', undefined).settings() as JenkinsSettings;
  const careful = oneConnection('jenkins', { url, username, token });
  for (const body of ['build team/app', 'abort team/app 12'])
    t.match(
      (await performCell(`%%jenkins\n${body}`, careful)).error,
      /connection is read-only, so that (build|abort) is refused. Set read_only: false in the connection/,
    );
  t.same(jenkins.asked, []);
});

t.test('a build is followed from the queue to its end, with a crumb of its session', async (t) => {
  const { jenkins, run } = await jenkinsOf(t, {
    parameters: ['WHO', 'N'],
    waits: (looked) => (looked < 1 ? { why: 'Waiting for an executor' } : undefined),
    states: (looked) =>
      looked < 1 ? { building: true, result: null } : { building: false, result: 'SUCCESS' },
  });
  const WHO: Value = { type: 'text', value: 'a&b="c"\nN=2' };
  const built = await run('%%jenkins\nbuild team/app\nWHO={{WHO}}\n\nN = 1', { WHO });
  t.equal(built.error, '');
  t.same(jenkins.built, [{ WHO: 'a&b="c"\nN=2', N: ' 1' }]);
  t.match(tableIn(built), { job: ['team/app'], build: [12], result: ['SUCCESS'], seconds: [61.5] });
  t.ok(jenkins.asked.includes('POST /job/team/job/app/buildWithParameters'));
  t.match(
    (await run('%%jenkins\nbuild team/app\nNO=1')).error,
    'The job team/app has no parameter NO, but WHO, N.',
  );
  t.equal(jenkins.built.length, 1);

  const { jenkins: old, run: without } = await jenkinsOf(t, { crumbs: 'off' });
  t.equal((await without('%%jenkins\nbuild team/app')).error, '');
  t.ok(old.asked.includes('POST /job/team/job/app/build'));
  const { run: refused } = await jenkinsOf(t, { crumbs: 'refused' });
  t.match((await refused('%%jenkins\nbuild team/app')).error, /does not take its own crumb .* API token/);
});

t.test('a build that fails fails its cell, with the end of its log', async (t) => {
  let result = 'FAILURE';
  const { run } = await jenkinsOf(t, {
    states: () => ({ building: false, result }),
    logs: { 'job/team/job/app/12/': 'compiling\nno such file\n' },
    waits: () => undefined,
  });
  t.equal(
    (await run('%%jenkins\nbuild team/app')).error,
    'Build 12 of team/app ended with FAILURE. See log team/app 12.\ncompiling\nno such file',
  );
  result = 'UNSTABLE';
  const unstable = await run('%%jenkins\nbuild team/app');
  t.equal(unstable.error, '');
  t.equal(noteIn(unstable), 'Tests failed: see tests team/app 12.');
  const { run: taken } = await jenkinsOf(t, { waits: () => ({ cancelled: true }) });
  t.match((await taken('%%jenkins\nbuild team/app')).error, /taken out of the queue before it began/);
});

/** Performs a cell without a broker, for its signal and the end of its time. */
async function performed(connections: Connections, body: string, signal: AbortSignal, endsAt: number) {
  const processor = builtIn.find(({ name }) => name === 'jenkins');
  const compiled = await processor?.compile(
    { processor: 'jenkins', connection: undefined, options: {}, body },
    { connections, resources, resolve: () => new Secret('') },
  );
  if (compiled?.run.kind !== 'brokered') throw new Error('not brokered');
  return compiled.run.perform(new Map(), signal, { hide: () => {}, endsAt });
}

t.test('a build that takes longer than its cell is left alone, and told of', async (t) => {
  const told = async ({ jenkins, connections }: Awaited<ReturnType<typeof jenkinsOf>>) => {
    const answers: Record<string, unknown>[] = [];
    // Its time is over by the first look.
    const { signal } = new AbortController();
    for await (const page of await performed(connections(), 'build team/app', signal, Date.now()))
      answers.push({ ...page });
    t.same(jenkins.ended, []);
    return { answers };
  };
  const left = await told(await jenkinsOf(t, { states: () => ({ building: true, result: null }) }));
  t.match(tableIn(left), { build: [12], result: ['running'] });
  t.equal(noteIn(left), 'It still runs. See log team/app 12 --follow.');
  const waiting = await told(await jenkinsOf(t, { waits: () => ({ why: 'No executor.' }) }));
  t.match(noteIn(waiting), /still waits in the queue: No executor\. See queue, and builds for its number\./);
});

t.test('an interrupt aborts the build, or takes it out of the queue', async (t) => {
  for (const [script, ended] of [
    [{ states: () => ({ building: true, result: null }) }, ['build 12']],
    [{ waits: () => ({ why: 'No executor.' }) }, ['item 77']],
  ] as const) {
    const { jenkins, connections } = await jenkinsOf(t, script);
    const cell = new AbortController();
    const running = await performed(connections(), 'build team/app', cell.signal, Date.now() + 60_000);
    const pages = running[Symbol.asyncIterator]();
    // Until it is told what is waited for.
    for (let text = ''; !/runs|in the queue/.test(text); ) {
      const { value } = await pages.next();
      text = value?.kind === 'progress' ? value.text : '';
    }
    const next = pages.next();
    cell.abort(new Error('interrupted'));
    await t.rejects(next);
    await until(() => jenkins.ended.length > 0);
    t.same(jenkins.ended, ended);
  }
});

t.test('abort ends one build, and waits for its end', async (t) => {
  const { jenkins, run } = await jenkinsOf(t, { states: () => ({ building: true, result: null }) });
  t.match(tableIn(await run('%%jenkins\nabort team/app 12')), { build: [12], result: ['ABORTED'] });
  t.same(jenkins.ended, ['build 12']);
  t.match(
    (await run('%%jenkins\nabort team/app 12')).error,
    'Build 12 of team/app has ended already: ABORTED.',
  );
  t.match((await run('%%jenkins\nabort team/app 13')).error, /no build 13 of team\/app/);
});

t.test('what is no command is refused, and a name can’t lead elsewhere', async (t) => {
  const refused: Readonly<Record<string, RegExp>> = {
    '': /begins with jobs, failures/,
    restart: /not with “restart”/,
    log: /Write log JOB \[BUILD\]/,
    'abort app': /Write abort JOB BUILD/,
    'log app 1 2': /Write log/,
    'jobs\nx=1': /takes one line/,
    'build app\nx': /written NAME=value/,
  };
  for (const [body, why] of Object.entries(refused)) t.throws(() => readCommand(body), why, body);
  t.same(readCommand('log "a b/c" 3').words, ['a b/c', '3']);
  t.equal(pathOf('a b/c%2Fd'), 'job/a%20b/job/c%252Fd/');
  for (const name of ['..', 'a/../b', 'a//b', '/a', 'a/', '.'])
    t.throws(() => pathOf(name), /no full name of a job/, name);
  const { jenkins, run } = await jenkinsOf(t);
  const job: Value = { type: 'text', value: '../../scriptText?x' };
  t.match((await run('%%jenkins\nlog {{job}}', { job })).error, /no full name of a job/);
  t.match((await run('%%jenkins\nlog app {{job}}', { job })).error, /A build is a number, lastBuild/);
  const odd: Value = { type: 'text', value: 'a b?c#d 12' };
  await run('%%jenkins\nlog {{odd}}', { odd });
  t.same(jenkins.asked, ['GET /job/a%20b%3Fc%23d%2012/lastBuild/logText/progressiveText']);
});

t.test('A6: the test of a connection says version, user, and what it sees', async (t) => {
  const { connections } = await jenkinsOf(t, { answers: { '': JOBS } });
  const { connections: blind } = await jenkinsOf(t, { answers: { '': { jobs: [] } } });
  const kind = builtIn.find(({ name }) => name === 'jenkins')?.connection;
  const test = (from: typeof connections, more: object = {}) =>
    kind?.test({
      settings: from(more).find('jenkins', undefined).settings(),
      signal: AbortSignal.timeout(10_000),
      resources,
      hide: () => {},
    });
  t.equal(await test(connections), 'Jenkins 2.528.3 as oncall, sees 2 jobs and folders at the top');
  t.match(await test(blind), /sees no job: does the user have the permission Job\/Read\?/);
  await t.rejects(async () => test(connections, { token: new Secret('wrong') }), {
    message: "Jenkins answered 401: the service does not accept the connection's credential.",
  });
  t.throws(() => kind?.settings.parse({ url: 'http://x', username: 'a' }), /missing/);
});

t.test('commands and jobs are completed', async (t) => {
  const { connections } = await jenkinsOf(t, { answers: { '': JOBS } });
  const settings = connections().find('jenkins', undefined).settings() as JenkinsSettings;
  const job: CompletionJob<JenkinsSettings> = {
    remembered: (_, load) => load(settings, AbortSignal.timeout(10_000), resources),
  };
  const offered = async (body: string) =>
    (await completeJenkins(body, body.length, job)).items.map(({ text }) => text);
  t.same(await offered('b'), ['builds', 'build']);
  t.same(await offered('log te'), ['team', 'team/a b']);
  t.same(await offered('queue '), []);
  t.same(await offered('build docs\nX='), []);
});
