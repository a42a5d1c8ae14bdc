import t from 'tap';
import { BrokerJob } from '../../gateway/channel/broker/job.js';
import type { Page } from '../../processors/core/pages.js';
import type { Brokered, Json } from '../../processors/core/processor.js';

/** A request of a second, whose pages come as they like. */
function jobOf(perform: () => AsyncIterable<Page>) {
  const work: Brokered = {
    kind: 'brokered',
    name: 'test',
    connection: 'prod',
    args: {},
    variables: [],
    timeout: 1,
    perform,
  };
  const told: string[] = [];
  const job = new BrokerJob(work, {
    fault: () => told.push('fault'),
    retry() {},
    end: (outcome) => told.push(outcome),
  });
  /** The last answer that the kernel gets. */
  const last = async () => {
    for (;;) {
      const answer = JSON.parse(await job.next()) as { kind: string; sentence?: string };
      if (answer.kind === 'end' || answer.kind === 'error') return answer;
    }
  };
  return { job, last, told };
}

const columns: Page = { kind: 'columns', columns: [{ name: 'a', type: 'text' }] };
const never = new Promise<never>(() => {});
/** Keeps the process from ending while nothing else does. */
const awake = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(awake));

t.test('X10: a request that never hears of its end is given up all the same', async (t) => {
  const { last, told, job } = jobOf(async function* () {
    yield columns;
    await never;
  });
  t.match(await last(), { kind: 'error', sentence: /took longer than 1 s/ });
  t.same(told, ['error'], 'which is told once');
  job.cancel();
});

t.test('X10: also one whose time is over while a page waits for the kernel', async (t) => {
  let isOver = () => {};
  const over = new Promise<void>((resolve) => {
    isOver = resolve;
  });
  const work: Brokered = {
    kind: 'brokered',
    name: 'test',
    connection: 'prod',
    args: {},
    variables: [],
    timeout: 1,
    async *perform(_, signal) {
      signal.addEventListener('abort', isOver);
      yield columns;
      yield columns;
      await never;
    },
  };
  const job = new BrokerJob(work, { fault() {}, retry() {}, end() {} });
  await job.next();
  await over;
  const answers: string[] = [];
  while (!answers.at(-1)?.startsWith('{"kind":"error"')) answers.push(await job.next());
  t.match(answers.at(-1), /took longer than 1 s/);
});

t.test('X3: a page that can not be written is an error of its own cell', async (t) => {
  let deep: Json = [];
  for (let level = 0; level < 100_000; level++) deep = [deep];
  const { last, told } = jobOf(async function* () {
    yield columns;
    yield { kind: 'rows', rows: [[deep]] };
    yield { kind: 'end' };
  });
  t.match(await last(), { kind: 'error', sentence: /The gateway failed/ });
  t.same(told, ['fault', 'error']);
});
