import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { secondsOf, timeOf } from '../core/time-range.js';
import { NoAnswer } from '../http/no-answer.js';
import { type Asked, type CommandKind, NAMESPACE, ownNamespace, SELECTOR } from './kind-of-command.js';
import { containersOf, podsOf } from './log-pods.js';
import { asTheyCome, byTime, type Container, type ContainerLine, type OpenLog } from './log-streams.js';
import { type ComingAnswer, openAnswer } from './requests.js';

/** Each log is a connection that stays open. */
const MOST_LOGS = 20;
export const logs: CommandKind = {
  usage: 'logs POD, logs TYPE/NAME, logs -l SELECTOR',
  words: [0, 2],
  flags: [
    NAMESPACE,
    SELECTOR,
    { name: 'container', short: 'c' },
    { name: 'all-containers', isSwitch: true },
    { name: 'previous', short: 'p', isSwitch: true },
    { name: 'since' },
    { name: 'since-time' },
    { name: 'tail' },
    { name: 'limit-bytes' },
    { name: 'follow', short: 'f', isSwitch: true },
  ],

  async *perform(job, asked) {
    const namespace = await ownNamespace(job, asked);
    const query = queryOf(asked);
    const { pods, note } = yield* podsOf(job, asked, namespace, logs.usage);
    const containers = pods.flatMap((pod) => containersOf(pod, asked));
    yield {
      kind: 'columns',
      columns: [
        { name: 'time', type: 'time' },
        { name: 'pod', type: 'text' },
        { name: 'container', type: 'text' },
        { name: 'message', type: 'text' },
      ],
      ...(asked.is('follow') && { follows: true }),
    };
    if (note !== '') yield { kind: 'note', text: note };
    if (containers.length > MOST_LOGS)
      yield {
        kind: 'note',
        text: `Only the first ${MOST_LOGS} of ${containers.length} containers. Name a pod, or use a narrower -l.`,
      };
    const some = containers.slice(0, MOST_LOGS);
    const openLog = ({ pod, name }: Container) => {
      const path = ['api', 'v1', 'namespaces', namespace, 'pods', pod, 'log'];
      return openAnswer(job, { path, query: { ...query, container: name } });
    };
    if (asked.is('follow')) {
      // An interrupt ends it: what has come until then is shown.
      yield { kind: 'whole' };
      yield* followed(some, openLog);
      return;
    }
    const { opened, failed } = await openAll(some, openLog);
    const [failure] = failed;
    if (opened.length === 0 && failure !== undefined) throw failure.error;
    for (const { container, error } of failed)
      yield { kind: 'note', text: `${container.pod}/${container.name}: ${error.message}` };
    for await (const lines of byTime(opened)) yield rowsOf(lines);
  },
};

/** A log that fails is told of, and ends the cell only where it is the last one. */
async function* followed(containers: readonly Container[], open: Open): AsyncGenerator<Page> {
  let left = containers.length;
  for await (const came of asTheyCome(containers, open)) {
    if (!('error' in came)) {
      yield rowsOf(came);
      continue;
    }
    left -= 1;
    const { container, error } = came;
    if (!(error instanceof CellError) || left === 0) throw error;
    yield { kind: 'note', text: `${container.pod}/${container.name}: ${error.message}` };
  }
}

function rowsOf(lines: readonly ContainerLine[]): Page {
  return {
    kind: 'rows',
    rows: [
      lines.map(({ time }) => time),
      lines.map(({ container }) => container.pod),
      lines.map(({ container }) => container.name),
      lines.map(({ message }) => message),
    ],
  };
}

/** @throws {CellError} naming the flag */
function queryOf(asked: Asked): Readonly<Record<string, string>> {
  const since = asked.text('since');
  const sinceTime = asked.text('since-time', 'time');
  if (since !== undefined && sinceTime !== undefined)
    throw new CellError('Use --since or --since-time, not both.');
  const tail = asked.text('tail') === '-1' ? undefined : asked.count('tail');
  const limit = asked.count('limit-bytes', 1);
  return {
    timestamps: 'true',
    ...(asked.is('follow') && { follow: 'true' }),
    ...(asked.is('previous') && { previous: 'true' }),
    // The API takes whole seconds, one at least.
    ...(since !== undefined && { sinceSeconds: String(Math.ceil(secondsOf('since', since))) }),
    ...(sinceTime !== undefined && { sinceTime: new Date(timeOf('since-time', sinceTime)).toISOString() }),
    ...(tail !== undefined && { tailLines: String(tail) }),
    ...(limit !== undefined && { limitBytes: String(limit) }),
  };
}

interface Failed {
  readonly container: Container;
  readonly error: CellError;
}

type Open = (container: Container) => Promise<ComingAnswer>;

/** A container that has no log (yet) doesn't take those of the others away. */
async function openAll(containers: readonly Container[], open: Open) {
  const opened: OpenLog[] = [];
  const failed: Failed[] = [];
  const outcomes = await Promise.all(
    containers.map(async (container) => {
      try {
        return [container, await open(container)] as const;
      } catch (error) {
        if (error instanceof CellError) return { container, error };
        throw error;
      }
    }),
  );
  for (const outcome of outcomes) {
    if ('error' in outcome) failed.push(outcome);
    else opened.push(outcome);
  }
  const unreachable = failed.find(({ error }) => error instanceof NoAnswer);
  if (unreachable === undefined) return { opened, failed };
  for (const [, answer] of opened) answer.close();
  throw unreachable.error;
}
