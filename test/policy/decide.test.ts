import t from 'tap';
import { decide, type Subject } from '../../gateway/policy/decide.js';
import { orThrow } from '../../gateway/policy/decision.js';
import { countsAt, METRICS_PATH } from '../../gateway/policy/pages.js';
import type { Right } from '../../gateway/policy/rights.js';
import { createUnread } from '../../gateway/policy/unread.js';
import { having, owner, scraper } from '../support/principal.js';

const unread = createUnread(undefined);

const request = (method: string, path: string): Subject => ({ kind: 'request', method, path, unread });
const socket = (path: string): Subject => ({ kind: 'websocket', path, read: false, unread });
const channel = (path: string): Subject => ({ kind: 'websocket', path, read: true });
const message = (name: string, type: string): Subject => ({ kind: 'message', channel: name, type });
const page = (path: string): Subject => ({ kind: 'page', path });
const value: Subject = { kind: 'value', reference: 'runtime_env:KEY', reserved: false, listed: false };

/** What is asked for, the one right that is enough, and what is decided then beside `allowed`. */
const table: readonly (readonly [subject: Subject, right: Right, treated?: object])[] = [
  [request('GET', '/api/contents/a.ipynb'), 'contents:read', { treatment: 'plain' }],
  [request('HEAD', '/files/a.txt'), 'contents:read', { treatment: 'plain' }],
  [request('OPTIONS', '/api/contents'), 'contents:read', { treatment: 'plain' }],
  [request('PUT', '/api/contents/a.ipynb'), 'contents:write', { treatment: 'plain' }],
  [request('PROPFIND', '/api/contents/a.ipynb'), 'contents:write', { treatment: 'plain' }],
  [request('POST', '/api/contents/a.ipynb/checkpoints'), 'contents:write', { treatment: 'plain' }],
  [request('GET', '/api/kernels'), 'kernels:read', { treatment: 'plain' }],
  [request('POST', '/API//kernels/;x/0f1c/restart'), 'kernels:write', { treatment: 'plain' }],
  [request('DELETE', '/api/sessions/0f1c'), 'sessions:write', { treatment: 'plain' }],
  [request('POST', '/api/terminals'), 'terminals:write', { treatment: 'plain' }],
  [request('POST', '/api/shutdown'), 'server:write', { treatment: 'plain' }],
  [request('POST', '/lab/api/extensions'), 'server:write', { treatment: 'plain' }],
  [request('PUT', '/lab/api/settings/@jupyterlab/a'), 'lab:write', { treatment: 'plain' }],
  [request('GET', '/lab/tree/a.ipynb'), 'lab:read', { treatment: 'plain' }],
  [request('GET', '/'), 'lab:read', { treatment: 'plain' }],
  [request('POST', '/api/kernels/0f1c/execute'), 'kernels:execute', { treatment: 'posted' }],
  [request('GET', '/api/kernels/0f1c/requests/7'), 'kernels:execute', { treatment: 'posted' }],
  [request('GET', '/mcp/sse'), 'kernels:execute', { treatment: 'careful' }],
  [request('GET', '/voila/render/a.ipynb'), 'kernels:execute', { treatment: 'opaque' }],
  [request('POST', '/scheduler/jobs'), 'kernels:execute', { treatment: 'opaque' }],
  [channel('/api/kernels/0f1c/channels'), 'kernels:execute', { treatment: 'channel' }],
  [channel('/api/kernels/a%2Fb/channels'), 'kernels:execute', { treatment: 'channel' }],
  [socket('/terminals/websocket/1'), 'terminals:execute', { treatment: 'opaque' }],
  [socket('/api/events/subscribe'), 'events:execute', { treatment: 'opaque' }],
  [socket('/lsp/ws/pylsp'), 'lsp:execute', { treatment: 'opaque' }],
  [socket('/mcp/ws'), 'kernels:execute', { treatment: 'careful' }],
  [message('shell', 'execute_request'), 'kernels:execute', { handling: 'cell' }],
  [message('shell', 'comm_msg'), 'kernels:execute', { handling: 'pass' }],
  [message('stdin', 'input_reply'), 'kernels:execute', { handling: 'answer' }],
  [page(METRICS_PATH), 'metrics:read'],
  [page('/spin/api/connections'), 'connections:list'],
  [page('/spin/api/connections/prod/test'), 'connections:test'],
  [value, 'secrets:use'],
  [{ ...value, reserved: true, listed: true }, 'secrets:use'],
  [{ kind: 'connection', act: 'list' }, 'connections:list'],
  [{ kind: 'connection', act: 'test' }, 'connections:test'],
];

/** Every right of the table: what one of them allows, all others together don't. */
const rights = [...new Set(table.map(([, right]) => right))];

t.test('S9: each way takes one right, and no other right opens it', async (t) => {
  for (const [subject, right, treated] of table) {
    const name = JSON.stringify({ ...subject, unread: undefined });
    const allowed = { allowed: true, ...treated };
    t.same(decide(owner, subject), allowed, name);
    t.same(decide(having(right), subject), allowed, `${name} ${right}`);
    const others = having(...rights.filter((other) => other !== right));
    t.match(
      decide(others, subject),
      {
        allowed: false,
        code: 'NOT_PERMITTED',
        reason: `Your token does not allow that. It needs the right ${right}.`,
      },
      `${name} without ${right}`,
    );
    t.match(
      decide(undefined, subject),
      { allowed: false, code: 'UNAUTHENTICATED' },
      `${name} without a login`,
    );
  }
});

t.test('S9: what no row names passes as it always did, for all rights alone', async (t) => {
  const ways: readonly (readonly [Subject, string])[] = [
    [request('GET', '/jupyter-extension/api'), 'plain'],
    [request('POST', '/api/kernels/0f1c/new'), 'plain'],
    [request('GET', '/scheduler/jobs'), 'plain'],
    [request('GET', '/proxy/9090/'), 'opaque'],
    [socket('/api/collaboration/room/1'), 'opaque'],
    [socket('/proxy/9090/ws'), 'opaque'],
    [page('/spin/logout'), ''],
  ];
  for (const [subject, treatment] of ways) {
    const name = JSON.stringify({ ...subject, unread: undefined });
    t.same(decide(owner, subject), { allowed: true, ...(treatment !== '' && { treatment }) }, name);
    t.match(
      decide(having(...rights), subject),
      { code: 'NOT_PERMITTED', reason: 'Your token does not allow that. It needs all rights.' },
      name,
    );
  }
});

t.test('S9: what is refused to everybody says why', async (t) => {
  const narrow = createUnread(['/terminals/**']);
  const key = 'runtime_env:KEY';
  const refusals: readonly (readonly [Subject, object])[] = [
    [request('TRACE', '/'), { code: 'PATH_NOT_ALLOWED', reason: /^TRACE / }],
    [request('GET', '/http_over_websocket'), { setting: 'SPIN_UNREAD', reason: /set SPIN_UNREAD to \*\*/ }],
    [
      socket('/api/kernels/0f1c/channels/'),
      { code: 'PATH_NOT_ALLOWED', reason: /not a valid path of a kernel’s websocket/ },
    ],
    [
      { ...socket('/st/stream'), unread: narrow } as Subject,
      { setting: 'SPIN_UNREAD', reason: /Add \/st\/\*\*/ },
    ],
    [
      { ...request('GET', '/voila'), unread: narrow } as Subject,
      { code: 'PATH_NOT_ALLOWED', setting: 'SPIN_UNREAD' },
    ],
    [message('control', 'execute_request'), { handling: 'refuse', reason: /shell channel only/ }],
    [message('shell', 'apply_request'), { handling: 'refuse' }],
    [message('stdin', 'execute_request'), { handling: 'drop' }],
    [message('iopub', 'stream'), { handling: 'close', code: 'MALFORMED_FRAME', reason: /the iopub channel/ }],
    [message('__proto__', 'stream'), { handling: 'close' }],
    [
      { ...value, reserved: true } as Subject,
      {
        reason: `{{${key}}} is the credential of a connection: cells use the connection, not its credential.`,
      },
    ],
  ];
  for (const [subject, refusal] of refusals)
    t.match(decide(owner, subject), { allowed: false, reason: /\w{4}.*\./, ...refusal });
  t.throws(() => decide(owner, request('GET', '/api/%ff')), { code: 'BAD_PATH' });
});

t.test('S1: nothing but the login page needs no login', async (t) => {
  t.same(decide(undefined, page('/spin/login')), { allowed: true });
  for (const path of ['/spin', '/spin/', '/spin/login/', '/spin/login/jupyter', '/spin/logout', METRICS_PATH])
    t.match(decide(undefined, page(path)), { allowed: false, code: 'UNAUTHENTICATED' }, path);
});

t.test('S1, S3: a token of few rights is known where they open a page, in a header', async (t) => {
  const { rights: few } = having('metrics:read');
  t.ok(countsAt(few, 'header', METRICS_PATH));
  for (const carrier of ['query', 'cookie', 'subprotocol', undefined] as const)
    t.notOk(countsAt(few, carrier, METRICS_PATH), String(carrier));
  for (const path of ['/', '/lab', '/spin/login', '/spin/logout', '/spin/metrics/', '/spin/api/connections'])
    t.notOk(countsAt(few, 'header', path), path);
  for (const carrier of ['header', 'query', 'subprotocol', undefined] as const)
    t.ok(countsAt('all', carrier, '/lab'), String(carrier));
});

t.test('S1: who reads metrics reads them, and nothing else', async (t) => {
  for (const [subject, right] of table)
    t.equal(decide(scraper, subject).allowed, right === 'metrics:read', JSON.stringify(subject));
});

t.test('a refusal that is thrown has its code, its reason and its status', async (t) => {
  t.throws(() => orThrow(decide(scraper, { kind: 'connection', act: 'test' })), {
    code: 'NOT_PERMITTED',
    status: 403,
    message: /the right connections:test\./,
  });
  t.throws(() => orThrow(decide(undefined, page(METRICS_PATH))), { code: 'UNAUTHENTICATED', status: 401 });
  t.same(orThrow(decide(owner, page(METRICS_PATH))), { allowed: true });
});

t.test('a message is decided by what was made before', async (t) => {
  const once = decide(owner, message('shell', 'execute_request'));
  t.equal(decide(owner, message('shell', 'execute_request')), once);
  t.equal(
    decide(owner, message('shell', 'some_request')),
    decide(owner, message('control', 'other_request')),
  );
});
