import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { oneConnection, performCell } from '../support/brokered.js';
import { startLimitedGithub } from '../support/github.js';

t.setTimeout(60_000);
const github = await startLimitedGithub(t);
const url = github.server.origin;
const byToken = oneConnection('github', { url, token: new Secret('ghp_canary-token') });
const ask = (cell: string, values: Record<string, Value> = {}) => performCell(cell, byToken, values);
const rowsOf = (answers: readonly Record<string, unknown>[]) =>
  answers.find(({ kind }) => kind === 'rows')?.rows;

t.test('all pages become one table, links of the API last', async (t) => {
  const { answers, error } = await ask('%%github --paginate\nGET /repos/{{owner}}/r/issues', {
    owner: { type: 'text', value: 'o' },
  });
  t.equal(error, '');
  // A slow machine is told the progress first.
  t.match(
    answers.find(({ kind }) => kind === 'columns'),
    {
      columns: [{ name: 'number', type: 'number' }, { name: 'user.login' }, { name: 'node_id' }],
    },
  );
  t.match(rowsOf(answers), [
    [1, 2, 3],
    ['u1', 'u2', 'u3'],
  ]);
  t.match(github.server.last.headers, {
    accept: /^application\/vnd\.github\+json/,
    'x-github-api-version': '2022-11-28',
    authorization: 'Bearer ghp_canary-token',
  });
  const first = await ask('%%github\nGET /repos/o/r/issues');
  t.match(first.answers.at(-1), { kind: 'end', note: /--paginate/ });
});

t.test('GraphQL, page by page', async (t) => {
  const owner: Value = { type: 'object', value: { owner: { type: 'text', value: 'o"x' } } };
  const query = `query($owner: String!, $endCursor: String) {
    repository(owner: $owner, name: "r") { issues(first: 1, after: $endCursor) { nodes { title } pageInfo { hasNextPage endCursor } } }
  }`;
  const { answers, error } = await ask(`%%github --paginate --variables v\n${query}`, { v: owner });
  t.equal(error, '');
  t.same(rowsOf(answers), [['o"x 0', 'o"x 1', 'o"x 2']]);
  t.match(
    (await ask('%%github --paginate --variables v\n{ repository }', { v: owner })).error,
    /\$endCursor/,
  );
});

t.test('a short limit is waited for, a long one told with its end', async (t) => {
  t.match((await ask('%%github\nGET /soon')).error, '');
  const before = github.server.asked.length;
  t.match(
    (await ask('%%github\nGET /used-up')).error,
    /^GitHub's rate limit of 5000 requests is used up: run the cell again after \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in (?:30|31) min\)/,
  );
  t.match(
    (await ask('%%github --timeout 5\nGET /secondary')).error,
    /secondary rate limit is reached: .*\(in 60 s\)/,
  );
  t.match(
    (await ask('%%github\n{ limited }')).error,
    /rate limit is used up/,
    'also of GraphQL, which says so with 200',
  );
  t.equal(github.server.asked.length, before + 3, 'none of them was asked twice');
  t.match(
    (await ask('%%github\nGET /forbidden')).error,
    /403 Forbidden: Resource not accessible by integration/,
  );
});

t.test(
  'an app has a token of its installation, fetched once and again when it is not taken any more',
  async (t) => {
    const app = { url, app_id: 42, installation_id: 7 };
    const key = github.privateKey;
    const connections = oneConnection('github', {
      ...app,
      private_key: new Secret(key.replaceAll('\n', '\\n')),
    });
    const cells = [1, 2, 3].map(() => performCell('%%github\nGET /installation/repositories', connections));
    for (const { error } of await Promise.all(cells)) t.equal(error, '');
    t.equal(github.issued.length, 1);
    github.revoke();
    t.equal((await performCell('%%github\nGET /installation/repositories', connections)).error, '');
    t.equal(github.issued.length, 2);

    const wrong = (settings: object) =>
      oneConnection('github', { ...app, private_key: new Secret(key), ...settings });
    const run = async (settings: object) => (await performCell('%%github\nGET /x', wrong(settings))).error;
    t.match(await run({ app_id: 43 }), /issued no token for this app and installation: HTTP 401/);
    t.match(await run({ private_key: new Secret('nonsense') }), /private_key is not a PEM key/);
    const echo = await performCell('%%github\nGET /echo', connections);
    t.match(echo.contents, /"authorization":"Bearer \*\*\*"/, 'S10: an echo of it is masked');
  },
);
