import t from 'tap';
import { Kernels } from '../../gateway/channel/kernels/kernels.js';
import { Secret } from '../../processors/core/secret.js';

/** Kernels before a Jupyter that has those of `living`; undefined: it can't be asked. */
function before() {
  const jupyter = { living: new Set<string>() as Set<string> | undefined, asked: 0 };
  const kernels = new Kernels({
    language: async () => 'python',
    living: async () => {
      jupyter.asked++;
      const { living } = jupyter;
      if (living === undefined) throw new Error('down');
      return new Set(living);
    },
    posted: async () => false,
  });
  /** A client that connects and gets a value. @returns what ends its connection */
  const connect = (id: string) => {
    jupyter.living?.add(id);
    const kernel = kernels.get(id);
    kernel.delivered.add([new Secret('a-value')]);
    return kernel.onRestart(() => {});
  };
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { jupyter, kernels, connect, settled };
}

t.test('a kernel is forgotten when nobody is connected and Jupyter does not have it any more', async (t) => {
  const { jupyter, kernels, connect, settled } = before();
  const leave = connect('culled');
  await settled();
  t.equal(jupyter.asked, 0, 'nobody is asked while somebody is connected');
  jupyter.living?.delete('culled');
  leave();
  await settled();
  t.equal(kernels.size, 0);
});

t.test('a kernel that lives keeps what it was given, also while nobody is connected', async (t) => {
  const { kernels, connect, settled } = before();
  connect('left')();
  await settled();
  connect('other');
  kernels.answered('DELETE', '/api/sessions/another', 204);
  await settled();
  t.equal(kernels.size, 2);
  t.notOk(kernels.get('left').delivered.empty);
});

t.test('a kernel that somebody is connected to is not forgotten, whatever Jupyter says', async (t) => {
  const { jupyter, kernels, connect, settled } = before();
  connect('mine');
  connect('other')();
  jupyter.living?.clear();
  kernels.answered('DELETE', '/api/kernels/mine', 204);
  await settled();
  t.equal(kernels.size, 1);
  t.notOk(kernels.get('mine').delivered.empty);
});

t.test('one that is connected to while Jupyter is asked stays', async (t) => {
  const { jupyter, kernels, connect, settled } = before();
  const leave = connect('mine');
  jupyter.living?.clear();
  leave();
  const again = connect('mine');
  await settled();
  t.notOk(kernels.get('mine').delivered.empty);
  again();
});

t.test('what Jupyter does not say is no end; the next kernel asks again', async (t) => {
  const { jupyter, kernels, connect, settled } = before();
  jupyter.living = undefined;
  connect('gone')();
  await settled();
  t.notOk(kernels.get('gone').delivered.empty);
  jupyter.living = new Set();
  connect('new');
  await settled();
  t.equal(kernels.size, 1);
});

t.test(
  'kernels that end with their session, or by culling, are forgotten: as many stay as live',
  async (t) => {
    for (const end of ['/api/kernels/x', '/api/sessions/x']) {
      const { jupyter, kernels, connect, settled } = before();
      connect('x')();
      await settled();
      jupyter.living?.clear();
      kernels.answered('DELETE', end, 404);
      kernels.answered('GET', end, 200);
      await settled();
      t.equal(kernels.size, 1, 'nothing has ended yet');
      kernels.answered('DELETE', end, 204);
      await settled();
      t.equal(kernels.size, 0, end);
    }
    const { jupyter, kernels, connect, settled } = before();
    for (let each = 0; each < 50; each++) {
      connect(`culled ${each}`)();
      await settled();
      jupyter.living?.clear();
    }
    t.equal(kernels.size, 1);
  },
);
