import t from 'tap';
import { identityOf, Memory } from '../../processors/completion/memory.js';
import { Secret } from '../../processors/core/secret.js';

t.test('a load is shared, kept, and given to nobody else', async (t) => {
  const memory = new Memory();
  let loads = 0;
  const load = async () => {
    loads += 1;
    return loads;
  };
  t.same(await Promise.all([memory.remembered('a', load), memory.remembered('a', load)]), [1, 1]);
  t.equal(await memory.remembered('a', load), 1);
  t.equal(await memory.remembered('b', load), 2);
});

t.test('a load that takes long answers nothing, and is there for the next keystroke', async (t) => {
  const memory = new Memory();
  let finish = (_: string) => {};
  const load = () =>
    new Promise<string>((resolve) => {
      finish = resolve;
    });
  t.equal(await memory.remembered('a', load), undefined);
  finish('names');
  t.equal(await memory.remembered('a', () => Promise.reject(new Error('asked twice'))), 'names');
});

t.test('a failure is no answer, and is not repeated with every keystroke', async (t) => {
  const memory = new Memory();
  let loads = 0;
  const fail = () => {
    loads += 1;
    return Promise.reject(new Error('nothing listens there'));
  };
  t.equal(await memory.remembered('a', fail), undefined);
  t.equal(await memory.remembered('a', fail), undefined);
  t.equal(loads, 1);
});

t.test('what is kept is bounded', async (t) => {
  const memory = new Memory();
  for (let at = 0; at < 500; at += 1) await memory.remembered(String(at), async () => at);
  t.equal(await memory.remembered('0', async () => 'again'), 'again', 'the oldest was let go');
  t.equal(await memory.remembered('499', async () => 'again'), 499);
});

t.test('so many load at a time', async (t) => {
  const memory = new Memory();
  let loads = 0;
  let finish = () => {};
  const held = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const load = () => {
    loads += 1;
    return held;
  };
  const all = Array.from({ length: 100 }, (_, at) => memory.remembered(String(at), load));
  t.equal(loads, 16);
  finish();
  await Promise.all(all);
  t.equal(await memory.remembered('99', async () => 'again'), 'again', 'and then others may');
});

t.test('another credential is another identity, and none of it is in there', (t) => {
  const one = identityOf({ url: 'u', token: new Secret('one') });
  t.not(identityOf({ url: 'u', token: new Secret('two') }), one);
  t.not(identityOf({ url: 'v', token: new Secret('one') }), one);
  t.equal(identityOf({ url: 'u', token: new Secret('one') }), one);
  t.notMatch(one, 'one');
  t.end();
});
