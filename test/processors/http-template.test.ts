import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { guessType, renderBody } from '../../processors/http/body.js';
import { cut, renderHeader, renderTarget, type Values } from '../../processors/http/template.js';
import { rest } from '../../processors/rest.js';

const text = (value: string): Value => ({ type: 'text', value });
const values: Values = new Map<string, Value>([
  ['name', text('x/y z&"<')],
  ['empty', text('')],
  ['lines', text('a\r\nX: y')],
  ['colon', text('a:b')],
  ['semicolon', text('a;b=c')],
  ['word', text('some word')],
  ['n', { type: 'number', value: '12345678901234567890' }],
  ['yes', { type: 'bool', value: true }],
  ['none', { type: 'null', value: null }],
  ['day', { type: 'date', value: '2026-01-31' }],
  ['list', { type: 'list', value: [text('a'), { type: 'number', value: '1.50' }] }],
  ['dict', { type: 'object', value: { 'k"': text('v\n') } }],
]);
const target = (template: string) => renderTarget(cut(template), values);
const header = (name: string, template: string) => renderHeader(name, cut(template), values);
const body = (type: string, template: string) => String(renderBody(cut(template), type, values));
const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;

t.test('a value is encoded for where it stands', async (t) => {
  t.equal(
    target('/{{name}}/ä?q={{name}}&n={{n}}&e={{empty}}'),
    '/x%2Fy%20z%26%22%3C/%C3%A4?q=x%2Fy%20z%26%22%3C&n=12345678901234567890&e=',
  );
  t.equal(target('/{{day}}/{{yes}}?a=1+2%20#x{{none}}'), '/2026-01-31/true?a=1+2%20');
  t.equal(header('X-A', 'v {{name}}'), 'v x/y z&"<');
  t.equal(header('Authorization', 'Basic me {{word}}'), basic('me:some word'));
  t.equal(header('Authorization', 'Basic {{word}}:{{colon}}'), basic('some word:a:b'));
  t.equal(header('Authorization', basic('a:b')), basic('a:b'));
  t.equal(
    body('application/json', '{"a": {{list}}, "b": {{dict}}, "c": "{{name}}\\"", "d": {{none}}, "e": {{n}}}'),
    '{"a": ["a", 1.50], "b": {"k\\"": "v\\n"}, "c": "x/y z&\\"<\\"", "d": null, "e": 12345678901234567890}'.replace(
      'z&"<',
      'z&\\"<',
    ),
  );
  t.equal(
    body('application/x-www-form-urlencoded', 'a={{name}}\n &b={{word}}'),
    'a=x%2Fy+z%26%22%3C&b=some+word',
  );
  t.equal(
    body('text/xml', '<!-- < --><a b="{{name}}">{{lines}}</a>'),
    '<!-- < --><a b="x/y z&#38;&#34;&#60;">a&#13;&#10;X: y</a>',
  );
  t.equal(body('text/plain', '\\{{name}} {{ x }} {{name}}'), '{{name}} {{ x }} x/y z&"<');
  t.equal(body('application/graphql', 'x {{word}}'), 'x some word');
  t.equal(guessType(cut('{{dict}}'), values), 'application/json');
  t.equal(guessType(cut('{{word}}'), values), 'text/plain; charset=utf-8');
});

t.test('S11: a value that can’t stand there is refused', async (t) => {
  const refused: Readonly<Record<string, () => string>> = {
    'an empty part of a path': () => target('/a/{{empty}}'),
    'a list in a URL': () => target('/{{list}}'),
    'None in a URL': () => target('/{{none}}'),
    'white space in a path': () => target('/a b'),
    'a line break in a header': () => header('X-A', '{{lines}}'),
    'a semicolon in a cookie': () => header('Cookie', 'a={{semicolon}}; b=1'),
    'a colon in a user’s name': () => header('Authorization', 'Basic {{colon}}:x'),
    'a value in a tag': () => body('text/html', '<a {{word}}>'),
    'a value in a comment': () => body('text/xml', '<!-- {{word}} -->'),
    'syntax in an unknown type': () => body('application/graphql', 'x {{name}}'),
    'a value that did not come': () => target('/{{nope}}'),
  };
  for (const [what, render] of Object.entries(refused)) t.throws(render, { name: 'CellError' }, what);
});

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
