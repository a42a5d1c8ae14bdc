import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import {
  ALL_NAMESPACES,
  type CommandKind,
  NAMESPACE,
  namespaceOf,
  type Target,
  targetsIn,
} from './kind-of-command.js';
import { askForList } from './listing.js';
import { at, microseconds, numberAt, textAt } from './objects.js';
import type { KubernetesJob } from './requests.js';

/** They are sorted by their time, which the API can't: all of them have to be read. */
const MOST_EVENTS = 20_000;

export const events: CommandKind = {
  usage: 'events [--for TYPE/NAME]',
  words: [0, 0],
  flags: [NAMESPACE, ALL_NAMESPACES, { name: 'for' }, { name: 'types' }],

  async *perform(job, asked) {
    const namespace = await namespaceOf(job, asked);
    const word = asked.command.flags.get('for');
    const [target] =
      word === undefined || word === true ? [] : yield* targetsIn(job, asked, undefined, [word]);
    if (word !== undefined && target === undefined)
      throw new CellError('--for takes TYPE/NAME, e.g. --for pod/api-1.');
    const wanted = asked.text('types')?.toLowerCase().split(',');
    yield* eventTable(job, namespace, target, (type) => wanted?.includes(type.toLowerCase()) ?? true);
  },
};

/** Newest last, as a log. @param namespace undefined: of all */
export async function* eventTable(
  job: KubernetesJob,
  namespace: string | undefined,
  target: Target | undefined,
  isWanted: (type: string) => boolean = () => true,
): AsyncGenerator<Page> {
  // What happens to an object of no namespace is told in any, mostly in default.
  const within = target?.type.isNamespaced === false ? undefined : namespace;
  const path = ['api', 'v1', ...(within === undefined ? [] : ['namespaces', within]), 'events'];
  const fields =
    target === undefined
      ? {}
      : { fieldSelector: `involvedObject.kind=${target.type.kind},involvedObject.name=${target.name}` };
  const { items, note } = yield* askForList(job, { path, query: fields }, MOST_EVENTS);
  const rows = items
    .filter((event) => isWanted(textAt(event, 'type') ?? ''))
    .map((event) => ({
      ...(within === undefined && { NAMESPACE: textAt(event, 'metadata', 'namespace') ?? '' }),
      'LAST SEEN': microseconds(lastSeen(event)),
      TYPE: textAt(event, 'type') ?? '',
      REASON: textAt(event, 'reason') ?? '',
      OBJECT: objectOf(event),
      COUNT: numberAt(event, 'series', 'count') || numberAt(event, 'count') || 1,
      MESSAGE: (textAt(event, 'message') ?? '').trim(),
    }))
    .sort((one, other) => Number(one['LAST SEEN']) - Number(other['LAST SEEN']));
  if (rows.length === 0) {
    yield { kind: 'columns', columns: ['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'].map(asText) };
    yield { kind: 'note', text: 'No events: the API server forgets them after an hour, as a rule.' };
  } else {
    yield* tableOfRecords(rows, {
      types: { 'LAST SEEN': 'time', MESSAGE: 'text' },
      isLast: (name) => name === 'MESSAGE',
    });
  }
  if (note !== '') yield { kind: 'note', text: note };
}

function asText(name: string) {
  return { name, type: 'text' } as const;
}

/** Older and newer reporters set different fields. */
function lastSeen(event: unknown): unknown {
  return (
    at(event, 'series', 'lastObservedTime') ??
    at(event, 'lastTimestamp') ??
    at(event, 'eventTime') ??
    at(event, 'metadata', 'creationTimestamp')
  );
}

function objectOf(event: unknown): string {
  const kind = textAt(event, 'involvedObject', 'kind') ?? '';
  return `${kind.toLowerCase()}/${textAt(event, 'involvedObject', 'name') ?? ''}`;
}
