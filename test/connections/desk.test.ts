import t from 'tap';
import { z } from 'zod';
import { PageMask } from '../../gateway/channel/broker/mask.js';
import { listConnections, sayNone, testConnections } from '../../gateway/connections/command.js';
import { createDesk } from '../../gateway/connections/desk.js';
import { createTrial } from '../../gateway/connections/trial.js';
import type { ConnectionKind } from '../../processors/core/connection.js';
import { CellError } from '../../processors/core/processor.js';
import { Secret } from '../../processors/core/secret.js';

const CANARY = 'canary-"\'\n$`{{\\-credential';

type Settings = { readonly token: Secret };

function deskOf(test: ConnectionKind<Settings>['test'], names = ['it'], limitMs = 5_000) {
  const kind = { settings: z.custom<Settings>(), test } as ConnectionKind;
  const connections = names.map((name, at) => ({
    name,
    type: 'service',
    isDefault: at === 0,
    settings: () => ({ token: new Secret(CANARY) }),
  }));
  const createMask = () => new PageMask();
  const trial = createTrial({
    kinds: new Map([['service', kind]]),
    createMask,
    environment: new Map(),
    limitMs,
  });
  return createDesk({ all: () => connections, problems: () => [] }, trial);
}

t.test('a connection works, or says what failed', async (t) => {
  t.same(await deskOf(async () => 'Service 1').test('it'), { name: 'it', works: true, says: 'Service 1' });
  const refused = deskOf(() => Promise.reject(new CellError('It answered 401.')));
  t.same(await refused.test('it'), { name: 'it', works: false, says: 'It answered 401.' });
  t.equal(await refused.test('other'), undefined);
});

t.test('S10: what a service quotes of a credential is taken out, in both answers', async (t) => {
  const fine = await deskOf(async ({ settings: { token } }) => `Service ${token.reveal()}`).test('it');
  t.same(fine, { name: 'it', works: true, says: 'Service ***' });
  const quoting = deskOf(async ({ settings: { token } }) => {
    throw new CellError(`No such token: ${JSON.stringify(token.reveal())}`);
  });
  t.match((await quoting.test('it'))?.says, /^No such token: "\*\*\*"$/);
  const derived = deskOf(async ({ hide }) => {
    hide(new Secret('canary-issued-token'));
    throw new CellError('It knows no canary-issued-token.');
  });
  t.equal((await derived.test('it'))?.says, 'It knows no ***.');
});

t.test('a failure that nobody foresaw shows nothing of itself', async (t) => {
  const broken = deskOf(async ({ settings: { token } }) => {
    throw new Error(token.reveal());
  });
  t.match(await broken.test('it'), { works: false, says: 'It failed in an unexpected way.' });
});

t.test(
  'S15: a processor that never answers is given up, and a service is asked once at a time',
  async (t) => {
    let asked = 0;
    const silent = deskOf(
      () => {
        asked++;
        return new Promise(() => {});
      },
      ['it'],
      50,
    );
    const trials = await Promise.all([silent.test('it'), silent.test('it'), silent.test('it')]);
    for (const trial of trials) t.match(trial, { works: false, says: /did not answer within/ });
    t.equal(asked, 1);
    await silent.test('it');
    t.equal(asked, 2, 'a later question is asked anew');
  },
);

t.test('the command line prints the same as lines', async (t) => {
  const desk = deskOf(async () => 'Service 1', ['a', 'b']);
  t.same(listConnections(desk), ['a\tservice\tdefault', 'b\tservice\t']);
  t.same(await testConnections(desk, undefined, ''), {
    lines: ['a\tok\tService 1', 'b\tok\tService 1'],
    works: true,
  });
  t.same(await testConnections(desk, 'c', ''), {
    lines: ['c\tfailed\tThere is no such connection. Known: a, b.'],
    works: false,
  });
});

t.test('A6: without a connection the catalogue’s file is named', async (t) => {
  const desk = deskOf(async () => '', []);
  const none = sayNone('/etc/c.yaml', false);
  t.match(none, 'the catalogue /etc/c.yaml does not exist');
  t.match(sayNone('/etc/c.yaml', true), 'no connection in the catalogue /etc/c.yaml');
  for (const name of [undefined, 'prod'])
    t.same(await testConnections(desk, name, none), {
      lines: [`${name ?? ''}\tfailed\t${none}`],
      works: false,
    });
});

t.test('X15: what a service says is one field of one line', async (t) => {
  const desk = deskOf(async () => 'v1\tok\tforged', ['a']);
  t.same((await testConnections(desk, 'a', '')).lines, ['a\tok\tv1 ok forged']);
});
