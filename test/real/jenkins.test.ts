import t from 'tap';
import {
  JENKINS_SECRETS,
  JENKINS_TOKEN,
  JENKINS_USER,
  type Jenkins,
  startJenkins,
} from '../support/jenkins.js';
import { type Runtime, type RuntimeKernel, startRuntime } from '../support/runtime.js';
import { until } from '../support/until.js';

t.setTimeout(300_000);

// Real are the gateway, Jupyter and its kernel; Jenkins is scripted, see test/support/jenkins.ts.

let jenkins: Jenkins;
let runtime: Runtime;
let kernel: RuntimeKernel;

t.before(async () => {
  const build = {
    number: 7,
    result: 'FAILURE',
    timestamp: 1_769_857_200_000,
    duration: 90_500,
    building: false,
  };
  const job = { name: 'app', color: 'red', url: 'https://jenkins.example.com/job/app/' };
  jenkins = await startJenkins({
    answers: { '': { jobs: [{ ...job, lastBuild: build, lastCompletedBuild: build }] } },
    // As a console may: it shows what the build got.
    logs: {
      'job/app/7/': `begins\n\u001b[31m<b>${JENKINS_TOKEN}</b>\u001b[0m\n${JENKINS_SECRETS.join(' ')}\nends\n`,
    },
    states: () => ({ building: true, result: null }),
  });
  t.teardown(() => jenkins.close());
  const login = `url: "${jenkins.url}", username: ${JENKINS_USER}, token: "{{runtime_env:JENKINS}}"`;
  runtime = await startRuntime(
    t,
    [`ci: {type: jenkins, ${login}, default: true}`, `deploys: {type: jenkins, ${login}, read_only: false}`],
    { JENKINS: JENKINS_TOKEN },
  );
  kernel = await runtime.startKernel(t);
});

t.test('a table, a log and a variable are in the notebook', async (t) => {
  const { run, print } = kernel;
  const failures = await run('%%jenkins --out failed\nfailures');
  t.match(failures, { status: 'ok', error: '' });
  t.match(JSON.stringify(failures.data), /The last build of 1 of 1 jobs was no success/);
  t.equal(await print('failed.job[0], failed.seconds[0]'), 'app 90.5');
  const log = await run('%%jenkins --tail 1 --out log\nlog {{failed.job[0]}} 7');
  t.match(log, { status: 'ok', error: '' });
  t.equal(await print('log'), 'ends');
  t.match(await run('%%jenkins\nbuild team/app'), { status: 'error', error: /connection is read-only/ });
});

t.test('an interrupt aborts the build that the cell started', async (t) => {
  const running = kernel.run('%%jenkins deploys\nbuild team/app');
  await until(() => jenkins.asked.includes('GET /job/team/job/app/12/api/json'));
  await kernel.kernel.interrupt();
  t.match(await running, { status: 'error' });
  await until(() => jenkins.ended.includes('build 12'));
});

t.test('S10, S12: no credential is in frames, memory, history, files or the log', async (t) => {
  const cells = [
    '%%jenkins --out a\nfailures',
    '%%jenkins\nlog app 7',
    '%%jenkins deploys\nabort team/app 12',
  ];
  t.same(await runtime.findLeaks(t, cells, [JENKINS_TOKEN]), []);
});
