import type { OutgoingHttpHeaders } from 'node:http';
import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { ask, askUpgrade, NAVIGATION, postForm } from '../support/ask.js';
import { startTestGateway } from '../support/gateway.js';
import { startRecorder } from '../support/recorder.js';

const UPSTREAM_TOKEN = 'upstream-canary-token-91';

/** As Tornado signs a value; without `IdentityProvider.cookie_name` the name is the host's. */
const loginOf = (user: string) =>
  `username-127-0-0-1="2|1:0|10:1795424545|8:username|8:${Buffer.from(user).toString('base64')}|ab12"`;

t.test("S6: Jupyter's login cookie is kept for its session, and for nobody else", async (t) => {
  let sets: string[] = [];
  const recorder = await startRecorder((_req, res) => {
    res.setHeader('set-cookie', sets);
    res.end('answer');
  });
  t.teardown(() => recorder.close());
  const gateway = await startTestGateway({
    upstream: {
      kind: 'http',
      url: new URL(recorder.upstream.origin),
      token: new Secret(UPSTREAM_TOKEN),
      ca: undefined,
    },
  });
  t.teardown(() => gateway.close());
  const { origin } = gateway;
  const enter = async () => {
    const { headers } = await ask(`${origin}/lab?token=${gateway.token}`, { headers: NAVIGATION });
    return headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  };
  /** @returns the cookies that Jupyter got of it, and what the client gets set */
  const get = async (headers: OutgoingHttpHeaders, set: readonly string[] = [], path = '/api/me') => {
    sets = set.map((pair) => `${pair}; HttpOnly; Path=/`);
    const answer = await ask(`${origin}${path}`, { headers });
    const line = recorder.requests.at(-1)?.lines.find((text) => /^cookie:/i.test(text)) ?? '';
    return { got: line.replace(/^cookie: /i, ''), set: answer.headers['set-cookie'] };
  };
  const [one, two] = [await enter(), await enter()];
  const [anna, bert, carl] = ['anna', 'bert', 'carl'].map((user) => loginOf(`{"username": "${user}"}`));
  if (anna === undefined || bert === undefined || carl === undefined) return;

  t.same(await get({ cookie: one }, [anna]), { got: '', set: undefined });
  t.same(await get({ cookie: `a=1; ${one}; username-127-0-0-1=mine` }), {
    got: `a=1; ${anna}`,
    set: undefined,
  });
  t.same((await get({ cookie: one, connection: 'cookie' })).got, anna);
  t.same((await get({ cookie: two }, [bert])).got, '', 'another session has its own');
  t.same((await get({ cookie: two })).got, bert);
  const authorization = `token ${gateway.token}`;
  t.same((await get({ authorization }, [carl])).got, '');
  t.same((await get({ authorization })).got, '', 'and a token that comes by itself none');
  t.same((await get({ cookie: `${one}; ${carl}` })).got, anna);

  for (const path of ['/app/', '/proxy/1/api/', '/labs/', '/%61pi/me'])
    t.same(
      (await get({ cookie: one }, [carl], path)).got,
      '',
      'a server behind Jupyter has no business with it',
    );
  t.same((await get({ cookie: one })).got, anna, 'and sets none');
  t.same((await get({ cookie: one }, [], '/lab/tree/x.ipynb')).got, anna, 'a page asks as its person');

  t.same((await get({ cookie: one }, ['theme=dark', carl])).got, anna, 'Jupyter may set another one');
  t.same((await get({ cookie: one })).got, carl);
  for (const bad of [
    `username-x=a\u00e9`,
    `username-x="a b"`,
    `username-x=${'a'.repeat(5000)}`,
    'spin-80=x',
    'jupyterhub-user-a=x',
    'other="2|1:0|10:1|5:other|4:YWJj|ab"',
  ])
    t.same((await get({ cookie: one }, [bad])).got, carl);
  t.same((await get({ cookie: one })).got, carl, 'what is no login changes nothing');
  t.same((await get({ cookie: one }, ['username-127-0-0-1=""'])).got, carl);
  t.same((await get({ cookie: one })).got, '', 'and take it back');
  await get({ cookie: one }, [anna]);

  await askUpgrade(`${origin}/api/events/subscribe`, { cookie: one, origin });
  t.ok(recorder.requests.at(-1)?.lines.includes(`cookie: ${anna}`), 'websockets have it too');
  await askUpgrade(`${origin}/app/_stcore/stream`, { cookie: one, origin });
  t.notOk(recorder.requests.at(-1)?.lines.includes(`cookie: ${anna}`), 'those of the API');

  await postForm(`${origin}/spin/logout`, {}, { cookie: one });
  const before = recorder.requests.length;
  await ask(`${origin}/api/me`, { headers: { cookie: one } });
  t.equal(recorder.requests.length, before, 'nothing is asked for an ended session');
  for (const login of [anna, bert, carl]) t.notOk(gateway.log().includes(login), 'no log has it');
});
