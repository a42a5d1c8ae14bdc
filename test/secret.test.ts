import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';
import { pino } from 'pino';
import t from 'tap';
import { Secret, secretsIn } from '../processors/core/secret.js';

const VALUE = 'canary-"\'\n$`{{\\-value';

t.test('S10: a secret has no way to text but reveal()', async (t) => {
  const secret = new Secret(VALUE);
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  log.info({ secret, deep: { list: [secret], map: { secret } } }, 'a secret');
  log.info(secret, 'itself');
  log.info('%s %o %O %j', secret, secret, secret, { secret });
  log.child({ secret }).info('of a child');
  log.error({ err: new Error(`no ${secret}`, { cause: secret }) }, 'in an error');

  const ways: Readonly<Record<string, string>> = {
    String: String(secret),
    'a template literal': `${secret}`,
    'a concatenation': 'a'.concat(secret as unknown as string),
    JSON: JSON.stringify({ secret, list: [secret] }),
    inspect: inspect({ secret, list: [secret] }, { depth: 9, showHidden: true }),
    'inspect without its own way': inspect(secret, { customInspect: false, showHidden: true }),
    'inspect of a clone': inspect(structuredClone(secret), { showHidden: true }),
    format: format('%s %o %O %j %d', secret, secret, secret, secret, secret),
    'the names and values that it has': inspect([
      Object.getOwnPropertyNames(secret),
      Object.entries(secret),
      { ...secret },
      Reflect.ownKeys(secret),
    ]),
    'a list that is joined': [secret, secret].join(),
    'a URL': new URLSearchParams({ a: secret as unknown as string }).toString(),
    'a structured log': lines.join(''),
    'a serialised copy': serialize({ ...secret }).toString('latin1'),
    'an error': inspect(new Error(`${secret}`, { cause: secret })),
  };
  for (const [way, text] of Object.entries(ways)) t.notMatch(text, 'canary', way);
  t.equal(lines.length, 5);
  t.match(lines[0], '"secret":"***"', 'the log does show that there was one');
  t.equal(secret.reveal(), VALUE);
});

t.test('every secret of a setting is found', async (t) => {
  const [a, b] = [new Secret('a'), new Secret('b')];
  t.same(secretsIn({ a, list: [1, { b }], none: null }), [a, b]);
});
