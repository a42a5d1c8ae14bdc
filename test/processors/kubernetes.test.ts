import type { ServerResponse } from 'node:http';
import t from 'tap';
import { performCell } from '../support/brokered.js';
import { until } from '../support/until.js';
import { askedOf, columnOf, connectionTo, failure, json, startApi, TOKEN, table } from './kubernetes-api.js';
import { give } from './rest-server.js';

t.setTimeout(60_000);

const PODS = '/api/v1/namespaces/shop/pods';
const noteOf = (answers: readonly Record<string, unknown>[]) =>
  answers.filter(({ kind }) => kind === 'note').map(({ text }) => text);

t.test('a list comes page by page, as kubectl prints it', async (t) => {
  const api = await startApi(t, {
    [PODS]: (response, asked) => {
      const token = new URL(asked.url, 'http://x').searchParams.get('continue');
      json(token === null ? table(['a', 'b'], { continue: 'next' }) : table(['c']))(response, asked);
    },
  });
  const { answers, error } = await performCell(
    '%%kubernetes\nkubectl get po -l app=api --show-labels',
    connectionTo(api),
  );
  t.equal(error, '');
  t.match(
    answers.filter(({ kind }) => kind === 'columns'),
    [{ columns: [{ name: 'NAME' }, { name: 'RESTARTS', type: 'number' }, { name: 'LABELS' }] }],
  );
  t.same(columnOf(answers, 'NAME'), ['a', 'b', 'c']);
  t.same(columnOf(answers, 'LABELS'), ['app=a', 'app=b', 'app=c']);
  t.same(askedOf(api), [
    `GET ${PODS}?labelSelector=app%3Dapi&includeObject=Metadata&limit=500`,
    `GET ${PODS}?labelSelector=app%3Dapi&includeObject=Metadata&limit=500&continue=next`,
  ]);
  t.match(api.last.headers, {
    accept: /^application\/json;as=Table;v=v1;g=meta\.k8s\.io/,
    authorization: `Bearer ${TOKEN}`,
  });
});

t.test('a list that the server has forgotten goes on where it offers it, and says so', async (t) => {
  const api = await startApi(t, {
    [PODS]: (response, asked) => {
      const token = new URL(asked.url, 'http://x').searchParams.get('continue');
      const answer =
        token === null
          ? json(table(['a'], { continue: 'old' }))
          : token === 'old'
            ? failure(410, 'Expired', 'The provided continue parameter is too old', { continue: 'new' })
            : json(table(['b']));
      answer(response, asked);
    },
  });
  const { answers, error } = await performCell('%%kubernetes\nget pods', connectionTo(api));
  t.equal(error, '');
  t.same(columnOf(answers, 'NAME'), ['a', 'b']);
  t.match(noteOf(answers), [/changed while the list was read/]);
});

t.test('values of Secrets are in no answer, whatever the format', async (t) => {
  const secret = {
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: {
      name: 'db',
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': '{"data":{"password":"Y2FuYXJ5"}}',
        'objectset.rio.cattle.io/applied': 'Y2FuYXJ5',
        team: 'shop',
      },
    },
    data: { password: 'Y2FuYXJ5' },
    stringData: { other: 'Y2FuYXJ5' },
  };
  const { kind: _, apiVersion: __, ...bare } = secret;
  const api = await startApi(t, {
    '/api/v1/namespaces/shop/secrets': json({ kind: 'SecretList', apiVersion: 'v1', items: [bare] }),
    '/api/v1/namespaces/shop/secrets/db': json(secret),
    // An object that contains others.
    '/api/v1/namespaces/shop/configmaps/x': json({ kind: 'Backup', spec: { objects: [secret] } }),
    '/api/v1/namespaces/shop/events': json({ kind: 'EventList', items: [] }),
  });
  const commands = ['get secrets -o', 'get secret db -o', 'get cm/x -o'];
  const cells = [
    'describe secret db',
    ...commands.flatMap((command) => [`${command} yaml`, `${command} json`]),
  ];
  for (const cell of cells) {
    const { text, contents, error } = await performCell(`%%kubernetes\n${cell}`, connectionTo(api));
    t.equal(error, '', cell);
    t.notMatch(text + contents, /Y2FuYXJ5/, cell);
    t.match(contents, /password"?: ?"\*\*\*"/, cell);
    t.match(contents, /"?team"?: ?"?shop/, `${cell}: other annotations stay`);
  }
});

t.test('a connection that reads sends no change, and nothing of a cell that has one', async (t) => {
  const api = await startApi(t, { [PODS]: json(table(['a'])) });
  const writes = [
    'scale deploy/api --replicas=0',
    'rollout restart deploy/api',
    'delete pod a',
    'apply\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}',
  ];
  for (const write of writes) {
    const { error } = await performCell(`%%kubernetes\nget pods\n${write}`, connectionTo(api));
    t.match(error, /^This connection only reads\..*read_only: false/, write);
  }
  t.same(api.asked, []);
});

t.test('a change answers with what it changed, and is sent once', async (t) => {
  let replicas = 2;
  let isBusy = false;
  const scale = '/apis/apps/v1/namespaces/shop/deployments/api/scale';
  const api = await startApi(t, {
    [scale.replace('/api/', '/gone/')]: failure(404, 'NotFound', 'deployments "gone" not found'),
    [scale]: (response, asked) => {
      if (asked.method === 'PATCH' && isBusy) {
        failure(429, 'TooManyRequests', 'busy')(response, asked);
        return;
      }
      if (asked.method === 'PATCH') replicas = JSON.parse(asked.body).spec.replicas;
      json({ kind: 'Scale', metadata: { resourceVersion: '7' }, spec: { replicas } })(response, asked);
    },
  });
  const cell = '%%kubernetes\nscale deploy/api --replicas={{n}} --current-replicas=2';
  const values = { n: { type: 'number', value: '5' } } as const;
  const { answers, error } = await performCell(cell, connectionTo(api, { read_only: false }), values);
  t.equal(error, '');
  t.same(columnOf(answers, 'CHANGES'), ['spec.replicas: 2 → 5']);
  t.match(api.last, {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: '{"metadata":{"resourceVersion":"7"},"spec":{"replicas":5}}',
  });
  const two = await performCell(
    '%%kubernetes\nscale deploy/api deploy/gone --replicas=4',
    connectionTo(api, { read_only: false }),
  );
  t.notSame(two.error, '', 'the second does not exist');
  t.same(columnOf(two.answers, 'CHANGES'), ['spec.replicas: 5 → 4'], 'the first is told all the same');
  t.ok(two.answers.some(({ kind }) => kind === 'whole'));
  isBusy = true;
  const before = api.asked.length;
  const again = await performCell(
    '%%kubernetes\nscale deploy/api --replicas=9',
    connectionTo(api, { read_only: false }),
  );
  t.match(again.error, /429 Too Many Requests: busy/);
  t.equal(api.asked.length, before + 2, 'one question and one change');
});

t.test('a busy server is asked again, and a right that is missing is named', async (t) => {
  let times = 0;
  const api = await startApi(t, {
    [PODS]: (response, asked) => {
      times += 1;
      if (times === 1) failure(429, 'TooManyRequests', 'busy', {})(response, asked);
      else json(table(['a']))(response, asked);
    },
    '/api/v1/nodes': failure(403, 'Forbidden', 'nodes is forbidden: User "x" cannot list resource "nodes"'),
  });
  t.equal((await performCell('%%kubernetes\nget pods', connectionTo(api))).error, '');
  t.equal(times, 2);
  t.equal(
    (await performCell('%%kubernetes\nget nodes', connectionTo(api))).error,
    'The API server answered 403: nodes is forbidden: User "x" cannot list resource "nodes". A role has to allow this (RBAC).',
  );
});

t.test('measurements are numbers, and a cluster without them says what is missing', async (t) => {
  const metrics = '/apis/metrics.k8s.io/v1beta1';
  const pod = (name: string, cpu: string, memory: string) => ({
    metadata: { name, namespace: 'shop' },
    containers: [
      { name: 'web', usage: { cpu, memory } },
      { name: 'side', usage: { cpu: '1m', memory: '1Mi' } },
    ],
  });
  const api = await startApi(t, {
    [metrics]: json({ kind: 'APIResourceList' }),
    [`${metrics}/namespaces/shop/pods`]: json({
      kind: 'PodMetricsList',
      items: [pod('a', '1500000n', '2048Ki'), pod('b', '250m', '1Gi')],
    }),
  });
  const { answers, error } = await performCell('%%kubernetes\ntop pod --sort-by=memory', connectionTo(api));
  t.equal(error, '');
  t.same(columnOf(answers, 'NAME'), ['b', 'a']);
  t.same(columnOf(answers, 'CPU(m)'), [251, 3]);
  t.same(columnOf(answers, 'MEMORY(Mi)'), [1025, 3]);
  const none = await startApi(t, { [metrics]: give('text/plain', '404 page not found', 404) });
  t.match((await performCell('%%kubernetes\ntop nodes', connectionTo(none))).error, /needs metrics-server/);
});

t.test('events are in the order of their times, newest last', async (t) => {
  const event = (reason: string, times: object) => ({
    type: 'Warning',
    reason,
    message: `it ${reason}`,
    involvedObject: { kind: 'Pod', name: 'a' },
    metadata: { namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' },
    ...times,
  });
  const api = await startApi(t, {
    '/api/v1/namespaces/shop/events': json({
      kind: 'EventList',
      items: [
        event('late', { series: { lastObservedTime: '2026-01-01T00:00:09.000001Z', count: 7 } }),
        event('early', { lastTimestamp: '2026-01-01T00:00:01Z', count: 2 }),
        { ...event('usual', {}), type: 'Normal' },
      ],
    }),
  });
  const { answers } = await performCell(
    '%%kubernetes\nevents --for pod/a --types=warning',
    connectionTo(api),
  );
  t.same(columnOf(answers, 'REASON'), ['early', 'late']);
  t.same(columnOf(answers, 'LAST SEEN'), ['1767225601000000', '1767225609000001']);
  t.same(columnOf(answers, 'COUNT'), [2, 7]);
  t.match(api.last.url, /fieldSelector=involvedObject\.kind%3DPod%2CinvolvedObject\.name%3Da/);
});

t.test('a log that is followed gives its lines as they come, and ends there with the cell', async (t) => {
  let open: ServerResponse | undefined;
  let left = 0;
  const api = await startApi(t, {
    [`${PODS}/a`]: json({ kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [{ name: 'web' }] } }),
    [`${PODS}/a/log`]: (response) => {
      open = response;
      response.on('close', () => {
        left += 1;
      });
      response.write('2026-01-01T00:00:01.5Z first\n2026-01-01T00:00:02Z sec');
    },
  });
  const kinds: unknown[] = [];
  const take = (page: Readonly<Record<string, unknown>>) => {
    kinds.push(page.kind);
    // The rest comes only when this much has come.
    if (page.kind === 'rows' && String(page.rows).includes('first')) {
      t.same(page.rows, [['1767225601500000'], ['a'], ['web'], ['first']]);
      open?.end('ond\n');
    }
    return false;
  };
  const followed = '%%kubernetes --timeout 60\nlogs a -f';
  t.equal((await performCell(followed, connectionTo(api), {}, {}, take)).error, '');
  t.equal(kinds.filter((kind) => kind === 'rows').length, 2);
  t.ok(kinds.indexOf('whole') < kinds.indexOf('rows'), 'what has come is shown after an interrupt');
  const late = await performCell('%%kubernetes --timeout 1\nlogs a -f', connectionTo(api));
  t.match(late.error, /took longer than 1 s/);
  // On a slow machine it was never opened.
  await until(() => left === askedOf(api).filter((each) => each.includes('/log?')).length, 10_000);
});

t.test('a container that is silent, or has no log, does not keep those of others away', async (t) => {
  const pod = (name: string) => ({
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'web' }] },
  });
  const api = await startApi(t, {
    [PODS]: json({ kind: 'PodList', items: ['silent', 'starting', 'loud'].map(pod) }),
    // Without a head: a kubelet sends none before the first line.
    [`${PODS}/silent/log`]: (response) => silent.push(response),
    [`${PODS}/starting/log`]: failure(400, 'BadRequest', 'container "web" is waiting to start'),
    [`${PODS}/loud/log`]: (response) => response.end('2026-01-01T00:00:01Z here\n'),
  });
  const silent: ServerResponse[] = [];
  const take = (page: Readonly<Record<string, unknown>>) => {
    if (page.kind === 'rows') for (const response of silent) response.end();
    return false;
  };
  const { answers, error } = await performCell(
    '%%kubernetes\nlogs -l a=b -f',
    connectionTo(api),
    {},
    {},
    take,
  );
  t.equal(error, '');
  t.same(columnOf(answers, 'message'), ['here']);
  t.match(noteOf(answers), [/^starting\/web: .*is waiting to start/]);
});

t.test('a rollout is waited for, and one that has failed says why', async (t) => {
  const deployment = '/apis/apps/v1/namespaces/shop/deployments/api';
  const states = [
    { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2 },
    { observedGeneration: 2, replicas: 3, updatedReplicas: 2, availableReplicas: 2 },
    { observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 },
  ];
  let status: object = {};
  const api = await startApi(t, {
    [deployment]: (response, asked) => {
      status = states.shift() ?? status;
      json({ kind: 'Deployment', metadata: { generation: 2 }, spec: { replicas: 2 }, status })(
        response,
        asked,
      );
    },
  });
  const wait = () => performCell('%%kubernetes\nrollout status deploy/api', connectionTo(api));
  const { answers, error } = await wait();
  t.equal(error, '');
  t.same(columnOf(answers, 'STATUS'), ['successfully rolled out']);
  t.equal(askedOf(api).length, 3);
  status = { conditions: [{ type: 'Progressing', reason: 'ProgressDeadlineExceeded', message: 'no quota' }] };
  t.match((await wait()).error, /rollout of api has failed: no quota/);
});

t.test('a line without an end is cut, and a log that breaks off is an error', async (t) => {
  const api = await startApi(t, {
    [`${PODS}/a`]: json({ kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [{ name: 'web' }] } }),
    [`${PODS}/a/log`]: (response, { url }) => {
      const piece = 'x'.repeat(1024 * 1024);
      if (url.includes('tailLines'))
        response.end(`2026-01-01T00:00:01Z ${piece}\n2026-01-01T00:00:02Z next\n`);
      else response.write('2026-01-01T00:00:01Z one\n', () => response.destroy());
    },
  });
  const { answers } = await performCell('%%kubernetes\nlogs a --tail 2', connectionTo(api));
  const [cut = '', next] = columnOf(answers, 'message').map(String);
  t.match(cut, /^x+…$/);
  t.ok(cut.length < 300_000);
  t.equal(next, 'next');
  const broken = await performCell('%%kubernetes\nlogs a', connectionTo(api));
  t.match(broken.error, /closed the connection/);
});
