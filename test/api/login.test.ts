import t from 'tap';
import { ask, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { type Gatehouse, startGatehouse, TOKEN } from '../support/gatehouse.js';

async function house(t: {
  teardown(end: () => Promise<void>): void;
}): Promise<Gatehouse & { login: string }> {
  const gatehouse = await startGatehouse();
  t.teardown(() => gatehouse.close());
  return { ...gatehouse, login: `${gatehouse.origin}/spin/login` };
}

const whoAmI = async (origin: string, cookie: string) =>
  (await ask(`${origin}/x`, { headers: { cookie } })).status;

t.test('the login page can be used without scripts, by keyboard and by screen reader', async (t) => {
  const { login } = await house(t);
  const { status, headers, body } = await ask(login, { headers: NAVIGATION });
  t.equal(status, 200);
  t.match(body, '<html lang="en">');
  t.match(body, '<label for="token">');
  t.match(body, /<input type="password" id="token"[^>]*autofocus[^>]*aria-describedby="hint"/);
  t.notMatch(body, /<script/);
  t.match(headers['content-security-policy'], /^default-src 'none'/);
  t.equal(headers['referrer-policy'], 'same-origin', 'with no-referrer its form would post Origin: null');
  t.equal(headers['x-frame-options'], 'DENY');
  t.equal(headers['cache-control'], 'no-store');
});

t.test('the right token logs in and goes where the browser was going', async (t) => {
  const { origin, login } = await house(t);
  const answer = await postForm(login, { token: ` ${TOKEN}\n`, next: '/lab/tree/a%20b.ipynb?x=1' });
  t.equal(answer.status, 303);
  t.equal(answer.headers.location, '/lab/tree/a%20b.ipynb?x=1');
  t.match(answer.headers['set-cookie']?.[0], /; Path=\/; Max-Age=43200; HttpOnly; SameSite=Lax$/);
  t.equal(await whoAmI(origin, cookieFrom(answer)), 200);
});

t.test('a next page on another site is ignored, in the form and in the page', async (t) => {
  const { login } = await house(t);
  const posted = await postForm(login, { token: TOKEN, next: '//evil.example/' });
  t.equal(posted.headers.location, '/');
  const { body } = await ask(`${login}?next=https://evil.example/`, { headers: NAVIGATION });
  t.match(body, 'name="next" value="/"');
});

t.test('a next page stands in the form as text, not as markup', async (t) => {
  const { login } = await house(t);
  const { body } = await ask(`${login}?next=${encodeURIComponent('/lab?"><script>')}`, {
    headers: NAVIGATION,
  });
  t.notMatch(body, '<script>');
});

t.test('a wrong token shows the form again with the reason, and keeps the next page', async (t) => {
  const { login } = await house(t);
  const { status, body, headers } = await postForm(login, { token: 'wrong', next: '/lab' });
  t.equal(status, 403);
  t.match(body, /<p class="alert" id="problem" role="alert">That token is wrong/);
  t.match(body, 'name="next" value="/lab"');
  t.match(body, 'aria-invalid="true"');
  t.equal(headers['set-cookie'], undefined);
});

t.test('who has failed too often is told how long to wait', async (t) => {
  const { login } = await house(t);
  for (let n = 0; n < 10; n++) await postForm(login, { token: `wrong ${n}` });
  const { status, headers, body } = await postForm(login, { token: TOKEN });
  t.equal(status, 429);
  t.match(headers['retry-after'], /^\d+$/);
  t.match(body, 'Wait 5 minutes');
});

t.test('a login that another site sends is refused, and so is one that nobody vouches for', async (t) => {
  const { login } = await house(t);
  for (const origin of ['https://evil.example', 'null', `${new URL(login).origin}.evil.example`]) {
    const answer = await postForm(login, { token: TOKEN }, { origin });
    t.equal(answer.status, 403, origin);
    t.equal(answer.headers['set-cookie'], undefined);
  }
  const { accept } = NAVIGATION;
  const headers = { accept, 'content-type': 'application/x-www-form-urlencoded' };
  const body = new URLSearchParams({ token: TOKEN }).toString();
  t.equal((await ask(login, { method: 'POST', headers, body })).status, 403, 'no Origin');
});

t.test('a listed origin may use the runtime by token, but logs nobody in or out', async (t) => {
  const listed = 'https://notebooks.example';
  const gatehouse = await startGatehouse({ allowedOrigins: [listed] });
  t.teardown(() => gatehouse.close());
  const login = await postForm(`${gatehouse.origin}/spin/login`, { token: TOKEN }, { origin: listed });
  t.equal(login.status, 403);
  t.equal(login.headers['set-cookie'], undefined);
  const authorization = `token ${TOKEN}`;
  const logout = await postForm(`${gatehouse.origin}/spin/logout`, {}, { origin: listed, authorization });
  t.equal(logout.status, 403);
});

t.test('whoever is logged in is not asked again', async (t) => {
  const { login } = await house(t);
  const cookie = cookieFrom(await postForm(login, { token: TOKEN }));
  const answer = await ask(`${login}?next=/lab`, { headers: { ...NAVIGATION, cookie } });
  t.equal(answer.status, 303);
  t.equal(answer.headers.location, '/lab');
});

t.test('the printed link logs in with one click, once', async (t) => {
  const { origin, loginUrl } = await house(t);
  const link = await loginUrl();
  const answer = await ask(`${link}&next=/lab`, { headers: NAVIGATION });
  t.equal(answer.status, 303);
  t.equal(answer.headers.location, '/lab');
  t.equal(answer.headers['referrer-policy'], 'no-referrer');
  t.equal(await whoAmI(origin, cookieFrom(answer)), 200);
  const again = await ask(link, { headers: NAVIGATION });
  t.equal(again.status, 403);
  t.match(again.body, /role="alert">This login link has been used/);
});

t.test('an expired or broken link says so', async (t) => {
  const { login, loginUrl, pass } = await house(t);
  const link = await loginUrl();
  pass(601);
  t.match((await ask(link, { headers: NAVIGATION })).body, /role="alert">This login link has expired/);
  t.match(
    (await ask(`${login}?code=x`, { headers: NAVIGATION })).body,
    /role="alert">This login link is not valid/,
  );
});

t.test('a link preview does not use the link up, and its page has a button instead', async (t) => {
  const { login, loginUrl } = await house(t);
  const link = await loginUrl();
  await ask(link, { method: 'HEAD', headers: NAVIGATION });
  await ask(link, { headers: { ...NAVIGATION, 'sec-purpose': 'prefetch' } });
  const preview = await ask(link, { headers: { accept: '*/*' } });
  t.equal(preview.headers['set-cookie'], undefined);
  const code = /name="code" value="([^"]+)"/.exec(preview.body)?.[1] ?? '';
  t.equal((await postForm(login, { code })).status, 303);
});

t.test('reloading a used link in the browser that it logged in goes on', async (t) => {
  const { loginUrl } = await house(t);
  const link = await loginUrl();
  const cookie = cookieFrom(await ask(link, { headers: NAVIGATION }));
  t.equal((await ask(link, { headers: { ...NAVIGATION, cookie } })).status, 303);
});

t.test('a login form that is too large or not a form is refused', async (t) => {
  const { login } = await house(t);
  t.equal((await postForm(login, { token: 'x'.repeat(20_000) })).status, 400);
  t.equal((await postForm(login, {}, { 'content-type': 'application/json' })).status, 400);
});

t.test('an address below /spin/ that is not served is refused without repeating it', async (t) => {
  const { origin } = await house(t);
  const headers = { authorization: `token ${TOKEN}` };
  for (const [path, method, code] of [
    ['/spin/canary', 'GET', 'NOT_FOUND'],
    ['/spin/canary', 'POST', 'NOT_FOUND'],
    ['/spin/canary', 'PROPFIND', 'NOT_FOUND'],
    ['/spin/login', 'DELETE', 'NOT_FOUND'],
    ['/spin/canary%zz', 'GET', 'BAD_PATH'],
  ] as const) {
    const answer = await ask(`${origin}${path}?canary=1`, { method, headers });
    t.match(JSON.parse(answer.body), { code }, `${method} ${path}`);
    t.notMatch(answer.body, 'canary');
  }
});
