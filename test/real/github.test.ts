import t from 'tap';
import { startLimitedGithub } from '../support/github.js';
import { type Prism, startGithubMock } from '../support/prism.js';
import { type Runtime, type RuntimeKernel, startRuntime } from '../support/runtime.js';

t.setTimeout(300_000);

let prism: Prism;
let runtime: Runtime;
let kernel: RuntimeKernel;
let privateKey: string;
let issued: readonly string[];

t.before(async () => {
  prism = await startGithubMock(t);
  const limited = await startLimitedGithub(t);
  ({ privateKey, issued } = limited);
  runtime = await startRuntime(
    t,
    [
      `vendor: {type: github, url: "${prism.url}", token: "{{runtime_env:GH}}", default: true}`,
      `app: {type: github, url: "${limited.server.origin}", app_id: 42, installation_id: 7, private_key: "{{runtime_env:APP}}"}`,
    ],
    { GH: 'ghp_canary-token', APP: privateKey },
  );
  kernel = await runtime.startKernel(t);
});

t.test('requests are as GitHub’s own description has them, and its answers become tables', async (t) => {
  const { run } = kernel;
  await run('owner = "octocat"; state = "open"');
  const issues = await run(
    '%%github --out issues\nGET /repos/{{owner}}/Hello-World/issues?state={{state}}&per_page=2',
  );
  t.match(issues, { status: 'ok', error: '' });
  t.match(issues.data[0]?.['text/html'], /Found a bug/);
  t.match(issues.data[0]?.['text/html'], /fetch all with --paginate/);
  t.match((await run('print(issues["user.login"][0], issues.number.dtype)')).stdout, 'octocat int64');
  t.match((await run('%%github\nGET /rate_limit')).data[0]?.['application/json'], {
    resources: { core: {} },
  });
  t.match((await run('%%github\nGET /search/repositories?q=spin')).data[0]?.['text/html'], /full_name/);
  const created = await run(
    '%%github\nPOST /repos/{{owner}}/Hello-World/issues\n\n{"title": "{{state}}", "labels": ["bug"]}',
  );
  t.match(created, { status: 'ok', error: '' });
  const wrong = await run('%%github\nGET /repos/o/r/issues?state=nonsense');
  t.match(wrong, { status: 'error', error: /GitHub answered HTTP 422/ });
  t.match(prism.log(), /Request query parameter state must be equal/, 'the mock does check');
});

t.test('S10, S12: neither token nor key is in frames, memory, history, files or the log', async (t) => {
  const cells = [
    '%%github --out a\nGET /repos/o/r/issues',
    '%%github\nGET /repos/o/r/issues?state=nonsense',
    '%%github app --out b\nGET /installation/repositories',
    '%%github app --out c\nGET /echo',
    '%%github app\nGET /forbidden',
  ];
  const lines = privateKey.split('\n').filter((line) => line.length > 40);
  const leaks = await runtime.findLeaks(t, cells, ['ghp_canary-token', 'ghs_installation-token', ...lines]);
  t.same(leaks, []);
  t.ok(issued.length > 0, 'the app had its token');
});
