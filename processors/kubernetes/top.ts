import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import {
  ALL_NAMESPACES,
  type Asked,
  type CommandKind,
  NAMESPACE,
  namespaceOf,
  SELECTOR,
} from './kind-of-command.js';
import { askForList } from './listing.js';
import { at, listAt, textAt } from './objects.js';
import { quantity } from './quantity.js';
import { askForObject, type KubernetesJob } from './requests.js';

/** They are sorted here, and so read whole. */
const MOST = 20_000;
const NOT_FOUND = 404;
const UNAVAILABLE = 503;
const MEBIBYTE = 2 ** 20;

const SORTING = { name: 'sort-by', values: ['cpu', 'memory'] } as const;

type Row = Readonly<Record<string, string | number>>;

export const topPods: CommandKind = {
  usage: 'top pods [NAME]',
  words: [0, 1],
  flags: [NAMESPACE, ALL_NAMESPACES, SELECTOR, { name: 'containers', isSwitch: true }, SORTING],

  async *perform(job, asked) {
    const namespace = await namespaceOf(job, asked);
    const where = namespace === undefined ? [] : ['namespaces', namespace];
    const { items, note } = yield* metricsOf(job, asked, [...where, 'pods']);
    const rows = items.flatMap((pod) => {
      const name = {
        ...(namespace === undefined && { NAMESPACE: textAt(pod, 'metadata', 'namespace') ?? '' }),
        NAME: textAt(pod, 'metadata', 'name') ?? '',
      };
      const containers = listAt(pod, 'containers').map((each) => ({
        CONTAINER: textAt(each, 'name') ?? '',
        ...usageOf(each),
      }));
      if (asked.is('containers')) return containers.map((each) => ({ ...name, ...each }));
      return [{ ...name, [CPU]: sum(containers, CPU), [MEMORY]: sum(containers, MEMORY) }];
    });
    yield* sorted(rows, asked, note);
  },
};

export const topNodes: CommandKind = {
  usage: 'top nodes [NAME]',
  words: [0, 1],
  flags: [SELECTOR, SORTING],

  async *perform(job, asked) {
    const { items, note } = yield* metricsOf(job, asked, ['nodes']);
    const { items: nodes } = yield* askForList(job, { path: ['api', 'v1', 'nodes'] }, MOST);
    const sizes = new Map(
      nodes.map((node) => [textAt(node, 'metadata', 'name'), at(node, 'status', 'allocatable')]),
    );
    const rows = items.map((node) => {
      const name = textAt(node, 'metadata', 'name') ?? '';
      const size = sizes.get(name);
      const used = usageOf(node);
      return {
        NAME: name,
        ...used,
        'CPU(%)': share(used[CPU], 1000 * (quantity(at(size, 'cpu')) ?? 0)),
        'MEMORY(%)': share(used[MEMORY], (quantity(at(size, 'memory')) ?? 0) / MEBIBYTE),
      };
    });
    yield* sorted(rows, asked, note);
  },
};

/** Columns as kubectl names them, with their units: thousandths of a core, and MiB. */
const CPU = 'CPU(m)';
const MEMORY = 'MEMORY(Mi)';

function usageOf(object: unknown) {
  return {
    [CPU]: Math.ceil(1000 * (quantity(at(object, 'usage', 'cpu')) ?? 0)),
    [MEMORY]: Math.round((quantity(at(object, 'usage', 'memory')) ?? 0) / MEBIBYTE),
  };
}

function sum(rows: readonly Readonly<Record<string, string | number>>[], column: string): number {
  return rows.reduce((total, row) => total + Number(row[column] ?? 0), 0);
}

function share(used: number | undefined, size: number): number {
  return size > 0 ? Math.round((100 * (used ?? 0)) / size) : 0;
}

/** @throws {CellError} where the cluster measures nothing */
async function* metricsOf(
  job: KubernetesJob,
  asked: Asked,
  path: readonly string[],
): AsyncGenerator<Page, { readonly items: readonly unknown[]; readonly note: string }> {
  const whole = ['apis', 'metrics.k8s.io', 'v1beta1'];
  const { status } = yield* askForObject(job, { path: whole, takes: [NOT_FOUND, UNAVAILABLE] });
  if (status !== 200)
    throw new CellError(
      'The cluster has no metrics API, or it does not answer: top needs metrics-server there (metrics.k8s.io).',
    );
  const name = asked.word(0);
  if (name !== undefined) {
    const { object } = yield* askForObject(job, { path: [...whole, ...path, name] });
    return { items: [object], note: '' };
  }
  const selector = asked.text('selector');
  const query: Record<string, string> = selector === undefined ? {} : { labelSelector: selector };
  return yield* askForList(job, { path: [...whole, ...path], query }, MOST);
}

function* sorted(rows: readonly Row[], asked: Asked, note: string): Generator<Page> {
  const by = asked.text('sort-by');
  const column = by === 'memory' ? MEMORY : CPU;
  const shown =
    by === undefined
      ? rows
      : [...rows].sort((one, other) => Number(other[column] ?? 0) - Number(one[column] ?? 0));
  if (shown.length === 0) {
    yield { kind: 'columns', columns: [{ name: 'NAME', type: 'text' }] };
    yield { kind: 'note', text: 'No measurements: the metrics of a new pod take about a minute.' };
  } else yield* tableOfRecords(shown);
  if (note !== '') yield { kind: 'note', text: note };
}
