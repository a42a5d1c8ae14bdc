import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ask, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { startGatehouse, TOKEN } from '../support/gatehouse.js';

t.test("S16: the file of ended sessions and spent codes is the gateway's alone", async (t) => {
  const gatehouse = await startGatehouse();
  t.teardown(() => gatehouse.close());
  await ask(await gatehouse.loginUrl(), { headers: NAVIGATION });
  const cookie = cookieFrom(await postForm(`${gatehouse.origin}/spin/login`, { token: TOKEN }));
  await postForm(`${gatehouse.origin}/spin/logout`, {}, { cookie });
  t.equal((await stat(gatehouse.folder)).mode & 0o777, 0o700);
  t.same(await readdir(gatehouse.folder), ['revoked.json'], 'and no half-written one is left');
  t.equal((await stat(join(gatehouse.folder, 'revoked.json'))).mode & 0o777, 0o600);
});
