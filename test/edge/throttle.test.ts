import { mock } from 'node:test';
import t from 'tap';
import { createThrottle } from '../../gateway/edge/throttle.js';
import { GatewayError } from '../../gateway/errors.js';

const wrong = () => undefined;
const right = () => OWNER;
const OWNER = { name: 'owner', unguessable: false };
let guesses = 0;
/** Another one each time. */
const guess = () => String(guesses++);

function observed() {
  const delays: number[] = [];
  const throttle = createThrottle(async (ms) => delays.push(ms));
  const fail = async (address: string, times: number) => {
    for (let n = 0; n < times; n++) await throttle.attempt(address, guess(), wrong).catch(() => {});
  };
  return { delays, throttle, fail };
}

t.test('mistyping is answered at once, guessing ever later, and the delay is bounded', async (t) => {
  const { delays, fail } = observed();
  await fail('192.0.2.1', 3);
  t.same(delays, []);
  await fail('192.0.2.1', 7);
  t.same(delays, [500, 1000, 2000, 4000, 4000, 4000, 4000]);
});

t.test('after ten failures even the right token is refused, with the time to wait', async (t) => {
  const { throttle, fail } = observed();
  await fail('192.0.2.1', 10);
  const error = await throttle.attempt('192.0.2.1', guess(), right).catch((reason: unknown) => reason);
  t.ok(error instanceof GatewayError && error.code === 'THROTTLED');
  t.ok(error instanceof GatewayError && (error.retryAfter ?? 0) > 290 && (error.retryAfter ?? 0) <= 300);
});

t.test('after the wait it is heard again', async (t) => {
  mock.timers.enable({ apis: ['Date', 'setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const { throttle, fail } = observed();
  await fail('192.0.2.1', 10);
  mock.timers.tick(299_000);
  await t.rejects(throttle.attempt('192.0.2.1', guess(), right), { code: 'THROTTLED', retryAfter: 1 });
  mock.timers.tick(1_000);
  t.equal(await throttle.attempt('192.0.2.1', guess(), right), OWNER);
});

t.test('a right token clears the record', async (t) => {
  const { delays, throttle, fail } = observed();
  await fail('192.0.2.1', 9);
  t.equal(await throttle.attempt('192.0.2.1', guess(), right), OWNER);
  delays.length = 0;
  await fail('192.0.2.1', 3);
  t.same(delays, []);
});

t.test('a burst of parallel guesses gets no more looks than a sequence', async (t) => {
  const { throttle } = observed();
  const guesses = Array.from({ length: 100 }, (_, n) =>
    throttle.attempt('192.0.2.1', guess(), n === 60 ? right : wrong),
  );
  const outcomes = await Promise.allSettled(guesses);
  t.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 10);
  t.equal(outcomes[60]?.status, 'rejected', 'the right one came too late');
});

t.test('one address does not pay for another', async (t) => {
  const { throttle, fail } = observed();
  await fail('192.0.2.1', 10);
  t.equal(await throttle.attempt('192.0.2.2', guess(), right), OWNER);
});

t.test('an IPv6 subscriber is one address: the /64', async (t) => {
  const { throttle, fail } = observed();
  await fail('2001:db8:0:7::1', 5);
  await fail('2001:db8::7:ffff:0:0:9', 5);
  await t.rejects(throttle.attempt('2001:0db8:0000:0007:aaaa::', guess(), right), { code: 'THROTTLED' });
  t.equal(await throttle.attempt('2001:db8:0:8::1', guess(), right), OWNER);
});

t.test('an IPv4 address is the same one when it comes mapped into IPv6', async (t) => {
  const { throttle, fail } = observed();
  await fail('::ffff:192.0.2.1', 10);
  await t.rejects(throttle.attempt('192.0.2.1', guess(), right), { code: 'THROTTLED' });
  t.equal(await throttle.attempt('::ffff:192.0.2.2', guess(), right), OWNER);
});

t.test('X13: a right token that nobody guesses passes although its address is refused', async (t) => {
  const { throttle, fail } = observed();
  await fail('192.0.2.1', 30);
  const generated = { name: 'owner', unguessable: true };
  t.equal(await throttle.attempt('192.0.2.1', guess(), () => generated), generated);
  await t.rejects(
    throttle.attempt('192.0.2.1', guess(), wrong),
    { code: 'THROTTLED' },
    'guessing goes on late',
  );
  await t.rejects(throttle.attempt('192.0.2.1', guess(), right), { code: 'THROTTLED' });
});

t.test('W7: one wrong token over and over is one guess, and costs nobody anything', async (t) => {
  const { delays, throttle, fail } = observed();
  for (let n = 0; n < 200; n++) await throttle.attempt('192.0.2.1', 'yesterday', wrong);
  t.same(delays, []);
  t.equal(await throttle.attempt('192.0.2.1', guess(), right), OWNER);
  await fail('192.0.2.1', 9);
  for (let n = 0; n < 200; n++) await throttle.attempt('192.0.2.1', 'yesterday', wrong).catch(() => {});
  await t.rejects(
    throttle.attempt('192.0.2.1', guess(), right),
    { code: 'THROTTLED' },
    'the tenth different one',
  );
});

t.test('W7: two old tabs beside each other are two guesses', async (t) => {
  const { throttle } = observed();
  for (let n = 0; n < 100; n++) await throttle.attempt('192.0.2.1', `tab ${n % 2}`, wrong);
  t.equal(await throttle.attempt('192.0.2.1', guess(), right), OWNER);
});

t.test('W7: when a record is over, what was guessed then counts anew', async (t) => {
  mock.timers.enable({ apis: ['Date', 'setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const { throttle } = observed();
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 10; n++) await throttle.attempt('192.0.2.1', `guess ${n}`, wrong);
    await t.rejects(throttle.attempt('192.0.2.1', guess(), right), { code: 'THROTTLED' });
    mock.timers.tick(301_000);
  }
});
