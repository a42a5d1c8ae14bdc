import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import t from 'tap';
import { Kernels } from '../../gateway/channel/kernels/kernels.js';
import { Posted } from '../../gateway/channel/kernels/posted.js';
import { decide } from '../../gateway/policy/decide.js';
import { orThrow } from '../../gateway/policy/decision.js';
import { createUnread } from '../../gateway/policy/unread.js';
import { Secret } from '../../processors/core/secret.js';
import { createProcessors } from '../../processors/index.js';
import { owner } from '../support/principal.js';

const ID = '3f2a1c00-0000-4000-8000-000000000001';
const EXECUTE = `/api/kernels/${ID}/execute`;

function watch(language = 'python', unread?: readonly string[]) {
  const line = { waits: false as boolean | Error, asked: 0, meanwhile: async () => {} };
  const kernels = new Kernels({
    language: async () => language,
    living: async () => new Set([ID]),
    posted: async () => {
      line.asked++;
      await line.meanwhile();
      if (line.waits instanceof Error) throw line.waits;
      return line.waits;
    },
  });
  const processors = createProcessors({
    resolve: () => new Secret('a-value'),
    references: { suggest: () => undefined, names: () => [] },
    connections: { types: () => new Set(), names: () => [], find: () => undefined },
  } as unknown as Parameters<typeof createProcessors>[0]);
  const named = createUnread(unread);
  const posted = new Posted({ kernels, processors, unread: named });
  /**
   * @param location what Jupyter answers with
   * @param meanwhile what happens before it does
   */
  const look = async (
    method: string,
    path: string,
    body = '',
    location?: string,
    meanwhile?: () => Promise<unknown>,
  ) => {
    const req = Object.assign(Readable.from([Buffer.from(body)]), { method, headers: {} });
    const res = Object.assign(new EventEmitter(), { getHeader: () => location });
    const { treatment } = orThrow(decide(owner, { kind: 'request', method, path, unread: named }));
    const cleared = await posted.look(
      req as unknown as IncomingMessage,
      res as unknown as ServerResponse,
      path,
      treatment,
    );
    await meanwhile?.();
    res.emit('finish');
    res.emit('close');
    return cleared;
  };
  const give = () => kernels.get(ID).delivered.add([new Secret('a-value')]);
  return { posted, look, give, line, kernel: () => kernels.get(ID) };
}

const cell = (code: string) => JSON.stringify({ code, metadata: { cell_id: 'a', n: 1 } });

t.test('J1: a plain cell by POST passes byte for byte while its kernel holds no values', async (t) => {
  const { look } = watch();
  const body = '{"code": "print(1)",\n "metadata": {"x": 1.0}}';
  t.equal((await look('POST', EXECUTE, body))?.body?.toString(), body);
  t.same(await look('GET', `/api/kernels/${ID}/requests/7`), { body: undefined });
  t.same(await look('POST', `/api/kernels/${ID}/input`), { body: undefined });
  t.equal(await look('PUT', '/api/contents/a.ipynb'), undefined, 'nothing else is looked into');
});

for (const code of ['%%shell\nls', 'print("{{runtime_env:X}}")', '%%spin shell\nls']) {
  t.test(`J1: ${JSON.stringify(code)} becomes an error that says what to turn off`, async (t) => {
    const { look } = watch();
    const sent = JSON.parse((await look('POST', EXECUTE, cell(code)))?.body?.toString() ?? '');
    t.match(sent.code, /jupyter labextension disable @datalayer\/jupyter-server-nbmodel/);
    t.notMatch(sent.code, code);
    t.same(sent.metadata, { cell_id: 'a', n: 1 }, 'the extension still knows whose cell it is');
    await t.rejects(watch('bash').look('POST', EXECUTE, cell(code)), { code: 'PATH_NOT_ALLOWED' });
  });
}

t.test('J1: in a kernel that holds values nothing runs by POST, and nothing is shown but that', async (t) => {
  const { look, give } = watch();
  await look('POST', EXECUTE, cell('print(1)'), `/api/kernels/${ID}/requests/before`);
  give();
  for (const method of ['POST', 'PUT']) {
    const sent = JSON.parse((await look(method, EXECUTE, cell('print(1)')))?.body?.toString() ?? '');
    t.match(sent.code, /holds values/);
    t.notMatch(sent.code, /print\(1\)/);
  }
  await look('POST', EXECUTE, cell('print(1)'), `/base/api/kernels/${ID}/requests/after`);
  t.ok(await look('GET', `/api/kernels/${ID}/requests/after`));
  t.ok(await look('DELETE', `/api/kernels/${ID}/requests/before`), 'a cell can be cancelled');
  for (const [method, path] of [
    ['GET', `/api/kernels/${ID}/requests/before`],
    ['GET', EXECUTE],
    ['POST', `/api/kernels/${ID}/input`],
  ] as const) {
    await t.rejects(look(method, path), { code: 'PATH_NOT_ALLOWED' }, path);
  }
  const other = ID.replace(/1$/, '2');
  t.ok(await look('GET', `/api/kernels/${other}/requests/before`), 'another kernel holds none');
});

t.test('S9: what is no cell, or written in another way, does not pass', async (t) => {
  const { look } = watch();
  for (const body of ['', 'code', '[]', '{"code": NaN}', 'null']) {
    await t.rejects(look('POST', EXECUTE, body), { code: 'BAD_REQUEST' }, body);
  }
  await t.rejects(look('POST', EXECUTE, cell('x'.repeat(10 * 1024 * 1024))), { code: 'MESSAGE_TOO_LARGE' });
  for (const path of [`${EXECUTE.toUpperCase()}`, `${EXECUTE};x`, `/api/kernels/${ID}%2Fexecute`]) {
    await t.rejects(look('POST', path, cell('1')), { code: 'PATH_NOT_ALLOWED' }, path);
  }
});

t.test(
  'J3: tools that run cells in any kernel pass while none holds values, or where they are named',
  async (t) => {
    const plain = watch();
    t.ok(await plain.look('POST', '/mcp', '{}'));
    plain.give();
    await t.rejects(plain.look('POST', '/mcp', '{}'), { code: 'PATH_NOT_ALLOWED', message: /SPIN_UNREAD/ });
    await t.rejects(plain.posted.checkValues('/mcp/ws'), { code: 'PATH_NOT_ALLOWED' });
    const named = watch('python', ['/mcp/**']);
    named.give();
    t.ok(await named.look('POST', '/mcp', '{}'));
    await named.posted.checkValues('/mcp/ws');
  },
);

const VALUES = [new Secret('a-value')];
const STILL = { code: 'NOT_PERMITTED', message: /may still run in this kernel/ };

t.test('S10: a kernel gets no value while a plain cell that came by POST may run in it', async (t) => {
  const { look, line, kernel } = watch();
  await kernel().give([]);
  await look('POST', EXECUTE, cell('print(1)'), undefined, async () => {
    await t.rejects(kernel().give(VALUES), STILL, 'while Jupyter has not answered');
    t.equal(line.asked, 0, 'and Jupyter need not be asked');
    await kernel().give([]);
  });
  line.waits = true;
  await t.rejects(kernel().give(VALUES), STILL, 'while it waits in the line there');
  line.waits = new Error('down');
  await t.rejects(kernel().give(VALUES), { message: 'down' }, 'while nobody can tell');
  t.ok(kernel().delivered.empty);
  line.waits = false;
  await kernel().give(VALUES);
  t.notOk(kernel().delivered.empty);
  const { asked } = line;
  await kernel().give([new Secret('another')]);
  t.equal(line.asked, asked, 'nothing runs by POST any more, so nobody is asked');
});

t.test('S10: a cell by POST that comes while Jupyter is asked keeps the value away, too', async (t) => {
  const { look, line, kernel } = watch();
  await look('POST', EXECUTE, cell('1'));
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  let sent: ReturnType<typeof look> | undefined;
  line.meanwhile = async () => {
    sent = look('POST', EXECUTE, cell('print(1)'), undefined, () => answered);
    await new Promise((resolve) => setImmediate(resolve));
  };
  await t.rejects(kernel().give(VALUES), STILL);
  t.ok(kernel().delivered.empty);
  answer();
  t.equal((await sent)?.body?.toString(), cell('print(1)'));
});

t.test('S10: cells that became errors keep no value away', async (t) => {
  const { look, line, kernel } = watch();
  await look('POST', EXECUTE, cell('%%shell\nls'));
  await kernel().give(VALUES);
  await look('POST', EXECUTE, cell('1'));
  t.equal(line.asked, 0);
});
