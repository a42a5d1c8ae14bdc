import t from 'tap';
import { conversation } from '../support/conversation.js';

/** A client with two cells, whose gateway ends while they run. */
function draining() {
  const { channel, kernel, execute, settled } = conversation();
  for (const id of ['a', 'b']) execute(id, 'plain');
  let over = false;
  void channel.drained().then(() => {
    over = true;
  });
  const isOver = async () => {
    await settled();
    return over;
  };
  const status = (msg_id: string, execution_state: string) =>
    kernel('iopub', {
      header: { msg_type: 'status' },
      parent_header: { msg_id },
      content: { execution_state },
    });
  const reply = (msg_id: string) =>
    kernel('shell', {
      header: { msg_type: 'execute_reply' },
      parent_header: { msg_id },
      content: { status: 'ok' },
    });
  return { channel, status, reply, isOver };
}

t.test('cells are over with the last one’s reply and idle, whichever channel is ahead', async (t) => {
  const orders: Readonly<Record<string, readonly string[]>> = {
    'in order': ['reply a', 'idle a', 'reply b', 'idle b'],
    'replies ahead': ['reply a', 'reply b', 'idle a', 'idle b'],
    'the second reply ahead of all that its cell says': ['reply a', 'idle a', 'reply b', 'busy b', 'idle b'],
    'idles ahead': ['idle a', 'idle b', 'reply a', 'reply b'],
  };
  for (const [name, order] of Object.entries(orders)) {
    const { status, reply, isOver } = draining();
    for (const step of order) {
      t.notOk(await isOver(), `${name}: not before ${step}`);
      const [what = '', cell = ''] = step.split(' ');
      if (what === 'reply') reply(cell);
      else status(cell, what);
    }
    t.ok(await isOver(), name);
  }
});

t.test('what another client runs holds nobody', async (t) => {
  const { status, reply, isOver } = draining();
  for (const cell of ['a', 'b']) {
    reply(cell);
    status(cell, 'idle');
    status('another client’s', 'busy');
  }
  t.ok(await isOver());
});

t.test('replies that no cell waits for are no reason to wait', async (t) => {
  const { status, reply, isOver } = draining();
  for (const cell of ['a', 'made up', 'b']) reply(cell);
  for (const cell of ['a', 'b']) status(cell, 'idle');
  t.ok(await isOver());
});

t.test('a client that leaves, or whose kernel is gone, is not waited for', async (t) => {
  const { channel, isOver } = draining();
  channel.close();
  t.ok(await isOver());
});
