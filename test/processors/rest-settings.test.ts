import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { rest } from '../../processors/rest.js';

t.test('a connection has one way to prove who it is, and all of it', async (t) => {
  const url = 'https://api.example.com';
  const secret = new Secret('x');
  const fields = (settings: object) =>
    rest.connection?.settings
      .safeParse({ url, ...settings })
      .error?.issues.map(({ path }) => path.join('.'))
      .join();
  for (const right of [
    {},
    { token: secret },
    { username: 'me', password: secret },
    { api_key: secret, api_key_header: 'X-Key' },
    { token_url: `${url}/token`, client_id: 'me', client_secret: secret },
  ]) {
    t.equal(fields(right), undefined, Object.keys(right).join());
  }
  t.equal(fields({ token: 'written out' }), 'token');
  t.equal(fields({ token: secret, username: 'me' }), 'username');
  t.equal(fields({ password: secret }), 'username');
  t.equal(fields({ api_key: secret }), 'api_key');
  t.equal(fields({ api_key: secret, api_key_header: 'a', api_key_query: 'b' }), 'api_key');
  t.equal(fields({ token_url: url, client_id: 'me' }), 'client_secret');
});
