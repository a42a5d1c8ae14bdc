import { pino } from 'pino';
import t from 'tap';
import { conversation } from '../support/conversation.js';

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
