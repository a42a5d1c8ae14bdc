import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { pathOf } from './api-types.js';
import { type Asked, targetsIn } from './kind-of-command.js';
import { askForList } from './listing.js';
import type { Container } from './log-streams.js';
import { isObject, listAt, textAt } from './objects.js';
import { askForObject, type KubernetesJob } from './requests.js';

/** Pods of which containers are looked up. */
const MOST_PODS = 100;

const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

interface Pods {
  readonly pods: readonly unknown[];
  readonly note: string;
}

/** The pods that the command names: one, those of a workload or a service, or those of a selector. */
export async function* podsOf(
  job: KubernetesJob,
  asked: Asked,
  namespace: string,
  usage: string,
): AsyncGenerator<Page, Pods> {
  const { words } = asked.command;
  const selector = asked.text('selector');
  if ((words.length === 0) === (selector === undefined)) throw new CellError(`Write: ${usage}.`);
  if (selector !== undefined) return yield* podsWith(job, namespace, selector);
  // logs POD CONTAINER
  const named = words[0]?.written.includes('/') || words.length === 2 ? words.slice(0, 1) : words;
  const [target] = yield* targetsIn(job, asked, 'pods', named);
  if (target === undefined) throw new CellError(`Write: ${usage}.`);
  const path = [...pathOf(target.type, namespace), target.name];
  const { object } = yield* askForObject(job, { path });
  if (target.type.resource === 'pods') return { pods: [object], note: '' };
  const own = selectorOf(object);
  if (own === '')
    throw new CellError(
      `${target.type.kind}/${target.name} has no selector of pods. Name a pod, a workload or a service.`,
    );
  return yield* podsWith(job, namespace, own);
}

async function* podsWith(
  job: KubernetesJob,
  namespace: string,
  selector: string,
): AsyncGenerator<Page, Pods> {
  const path = ['api', 'v1', 'namespaces', namespace, 'pods'];
  const { items, note } = yield* askForList(job, { path, query: { labelSelector: selector } }, MOST_PODS);
  if (items.length === 0)
    throw new CellError(`No pods in the namespace ${namespace} have the labels ${selector}.`);
  return { pods: items, note };
}

/** Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements */
function selectorOf(object: unknown): string {
  const spec = isObject(object) && isObject(object.spec) ? object.spec : {};
  const own = isObject(spec.selector) ? spec.selector : {};
  const isPlain = !isObject(own.matchLabels) && !Array.isArray(own.matchExpressions);
  const labels = isPlain ? own : isObject(own.matchLabels) ? own.matchLabels : {};
  const equal = Object.entries(labels).map(([label, value]) => `${label}=${String(value)}`);
  const others = listAt(own, 'matchExpressions').map((each) => {
    const [key = '', operator = ''] = [textAt(each, 'key'), textAt(each, 'operator')];
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${listAt(each, 'values').join(',')})`;
  });
  return [...equal, ...others].join(',');
}

/** @throws {CellError} for a container that the pod hasn't */
export function containersOf(pod: unknown, asked: Asked): Container[] {
  const name = textAt(pod, 'metadata', 'name') ?? '';
  const all = ['initContainers', 'containers', 'ephemeralContainers'].flatMap((list) =>
    listAt(pod, 'spec', list).map((each) => textAt(each, 'name') ?? ''),
  );
  const wanted = asked.text('container') ?? asked.word(1);
  if (asked.is('all-containers')) return all.map((container) => ({ pod: name, name: container }));
  if (wanted !== undefined && !all.includes(wanted))
    throw new CellError(`The pod ${name} has no container ${wanted}. It has: ${all.join(', ')}.`);
  const annotations = isObject(pod) && isObject(pod.metadata) ? pod.metadata.annotations : undefined;
  const usual =
    textAt(annotations, DEFAULT_CONTAINER) ?? textAt(listAt(pod, 'spec', 'containers')[0], 'name');
  return [{ pod: name, name: wanted ?? usual ?? '' }];
}
