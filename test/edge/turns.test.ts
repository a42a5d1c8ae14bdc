import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { createTurns } from '../../gateway/edge/turns.js';

/** As much of a response as its turn looks at. */
const response = () => new PassThrough() as unknown as ServerResponse;

/** Beyond what may wait in all connections together. */
const MANY = 10_000;

t.test('X1: whoever fills the line with requests of their own ends nobody else’s connection', async (t) => {
  const cut: unknown[] = [];
  const turns = createTurns((socket) => cut.push(socket));
  const [greedy, modest] = [new PassThrough(), new PassThrough()];
  let begun = 0;
  const take = (socket: PassThrough) => turns.take(socket, response(), () => begun++);
  take(modest);
  let taken = 0;
  // One less than would be too many: until then nobody is ended.
  while (taken < MANY && cut.length === 0) {
    take(greedy);
    taken++;
  }
  t.same(cut, [greedy], 'it has filled the line alone');
  t.equal(begun, 2, 'one of each is at work');

  const another = new PassThrough();
  for (let at = 1; at < taken; at++) take(another);
  take(modest);
  take(modest);
  t.notOk(modest.destroyed);
  t.ok(another.destroyed);
  t.same(cut, [greedy, another]);
});
