import { pino } from 'pino';
import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { createProcessors } from '../../processors/index.js';
import { conversation } from '../support/conversation.js';
import { until } from '../support/until.js';

/** A client, and the records of its cells. */
function client() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const said = conversation({ log });
  const records = () => lines.filter(({ msg }) => msg === 'cell').map(({ status }) => status);
  const ask = (msg_id: string) =>
    said.kernel('stdin', {
      header: { msg_type: 'input_request' },
      parent_header: { msg_id },
      content: { prompt: '' },
    });
  const answer = () =>
    said.client('stdin', { header: { msg_type: 'input_reply' }, content: { value: 'yes', status: 'ok' } });
  const answers = () => said.toKernel.filter(({ header }) => header.msg_type === 'input_reply').length;
  return { ...said, records, ask, answer, answers };
}

t.test('an id that is used again takes no answer from the cell that has it', async (t) => {
  const { execute, reply, ask, answer, answers, records, channel } = client();
  execute('a', 'input()');
  ask('a');
  execute('a', 'plain');
  t.same(records(), ['unseen']);
  t.ok(channel.awaits);
  answer();
  t.equal(answers(), 1);
  reply('a', 'ok');
  t.same(records(), ['unseen', 'ok']);
  t.notOk(channel.awaits);
});

t.test('the record of a cell is written once, also while the gateway ends', async (t) => {
  const { execute, kernel, records, channel } = client();
  execute('a', 'plain');
  void channel.drained();
  const parent_header = { msg_id: 'a' };
  kernel('shell', { header: { msg_type: 'execute_reply' }, parent_header, content: { status: 'ok' } });
  execute('a', 'plain');
  t.same(records(), ['ok']);
  for (let n = 0; n < 10_001; n++) execute(`${n}`, 'plain');
  t.same(records(), ['ok', 'unseen', 'unseen']);
  channel.close();
  t.equal(records().length, 10_003);
});

t.test(
  'the record of a cell names its connection and the values that it got, and contains no value',
  async (t) => {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => lines.push(line) });
    const settings = () => ({ url: 'http://127.0.0.1:9', token: new Secret('canary-token') });
    const find = (type: string) => ({ name: 'prod', type, settings });
    const processors = createProcessors({
      resolve: () => new Secret('canary-value'),
      connections: { types: () => new Set(['prometheus']), names: () => ['prod'], find },
    });
    const { execute, reply, toKernel } = conversation({ log, processors });
    /** The first request that the kernel gets is the gateway's, which loads the helper. */
    const run = async (id: string, code: string) => {
      const before = toKernel.length;
      execute(id, code);
      await until(() => toKernel.length > before);
      const own = toKernel.at(-1)?.header.msg_id;
      if (own !== id) reply(own, 'ok');
      await until(() => toKernel.at(-1)?.header.msg_id === id);
      reply(id, 'ok');
    };
    await run('a', '%%prometheus prod\nup');
    await run('b', 'print("{{secret:DB}}", "{{runtime_env:REGION}}")');
    await run('c', '1 + 1');
    const records = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'cell');
    t.same(
      records.map(({ processor, connection, names }) => ({ processor, connection, names })),
      [
        { processor: 'prometheus', connection: 'prod', names: undefined },
        { processor: 'python', connection: undefined, names: ['secret:DB', 'runtime_env:REGION'] },
        { processor: 'none', connection: undefined, names: undefined },
      ],
    );
    t.notMatch(lines.join(''), 'canary');
  },
);
