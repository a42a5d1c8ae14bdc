import type { Page } from '../core/pages.js';
import { untilDone } from '../core/polled.js';
import { CellError } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import { pathOf } from './api-types.js';
import { type CommandKind, NAMESPACE, ownNamespace, type Target, targetsIn } from './kind-of-command.js';
import { askForList } from './listing.js';
import { at, listAt, microseconds, numberAt, textAt } from './objects.js';
import { askForObject, type KubernetesJob, settled } from './requests.js';

/** Revisions that are read; ten are kept as a rule. */
const MOST_REVISIONS = 2_000;
const REVISION = 'deployment.kubernetes.io/revision';
const CAUSE = 'kubernetes.io/change-cause';

/** How far a workload has come. */
interface Progress {
  readonly isDone: boolean;
  readonly desired: number;
  readonly updated: number;
  readonly ready: number;
  readonly available: number;
  /** What it waits for, or why it has failed. */
  readonly says: string;
}

export const rolloutStatus: CommandKind = {
  usage: 'rollout status TYPE/NAME',
  words: [1, 2],
  flags: [NAMESPACE, { name: 'watch', values: ['true', 'false'] }],

  async *perform(job, asked) {
    const namespace = await ownNamespace(job, asked);
    const target = one(yield* targetsIn(job, asked), rolloutStatus.usage);
    const path = [...pathOf(target.type, namespace), target.name];
    const look = async () => progressOf(target, (await settled(askForObject(job, { path }))).object);
    const progress =
      asked.text('watch') === 'false'
        ? await look()
        : yield* untilDone<Progress>(
            {
              look,
              isDone: ({ isDone }) => isDone,
              progressOf: ({ says }) => says,
              // Nothing runs at the server for this.
              cancel: async () => {},
            },
            job.signal,
          );
    yield* tableOfRecords([
      {
        NAME: `${target.type.kind.toLowerCase()}/${target.name}`,
        DESIRED: progress.desired,
        UPDATED: progress.updated,
        READY: progress.ready,
        AVAILABLE: progress.available,
        STATUS: progress.says,
      },
    ]);
  },
};

function one(targets: readonly Target[], usage: string): Target {
  const [target, ...others] = targets;
  if (target === undefined || others.length > 0) throw new CellError(`Write: ${usage}.`);
  return target;
}

/**
 * Whether a rollout is complete, by the rules of each kind:
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
 *
 * @throws {CellError} for one that has failed, and for what is rolled out by nothing
 */
function progressOf({ type, name }: Target, object: unknown): Progress {
  const status = (field: string) => numberAt(object, 'status', field);
  const desired = type.kind === 'DaemonSet' ? status('desiredNumberScheduled') : replicasOf(object);
  const updated = status(type.kind === 'DaemonSet' ? 'updatedNumberScheduled' : 'updatedReplicas');
  const ready = status(type.kind === 'DaemonSet' ? 'numberReady' : 'readyReplicas');
  const available = status(type.kind === 'DaemonSet' ? 'numberAvailable' : 'availableReplicas');
  const counts = { desired, updated, ready, available };
  const waiting = (says: string): Progress => ({ isDone: false, ...counts, says });
  if (!['Deployment', 'DaemonSet', 'StatefulSet'].includes(type.kind))
    throw new CellError(
      `rollout works with deployments, daemonsets and statefulsets, not with ${type.resource}.`,
    );
  const late = listAt(object, 'status', 'conditions').find(
    (each) => at(each, 'type') === 'Progressing' && at(each, 'reason') === 'ProgressDeadlineExceeded',
  );
  if (late !== undefined)
    throw new CellError(
      `The rollout of ${name} has failed: ${textAt(late, 'message') ?? 'it exceeded its progress deadline'}. ` +
        'describe shows its events.',
    );
  if (numberAt(object, 'metadata', 'generation') > status('observedGeneration'))
    return waiting('waiting for the controller to see the new spec');
  if (type.kind !== 'Deployment' && at(object, 'spec', 'updateStrategy', 'type') === 'OnDelete')
    return { isDone: true, ...counts, says: 'pods are replaced only when they are deleted (OnDelete)' };
  if (updated < wantedUpdated(object, desired)) return waiting(`${updated} of ${desired} pods are updated`);
  if (type.kind === 'Deployment' && status('replicas') > updated)
    return waiting(`${status('replicas') - updated} old pods have not ended yet`);
  const up = type.kind === 'StatefulSet' ? ready : available;
  if (up < desired) return waiting(`${up} of ${desired} pods are available`);
  return { isDone: true, ...counts, says: 'successfully rolled out' };
}

function replicasOf(object: unknown): number {
  // The API's default, which it writes out.
  return at(object, 'spec', 'replicas') === undefined ? 1 : numberAt(object, 'spec', 'replicas');
}

/** A partition leaves the first pods of a StatefulSet as they are. */
function wantedUpdated(object: unknown, desired: number): number {
  return Math.max(0, desired - numberAt(object, 'spec', 'updateStrategy', 'rollingUpdate', 'partition'));
}

export const rolloutHistory: CommandKind = {
  usage: 'rollout history TYPE/NAME',
  words: [1, 2],
  flags: [NAMESPACE],

  async *perform(job, asked) {
    const namespace = await ownNamespace(job, asked);
    const target = one(yield* targetsIn(job, asked), rolloutHistory.usage);
    const { object } = yield* askForObject(job, { path: [...pathOf(target.type, namespace), target.name] });
    const { items, note } = yield* revisionsOf(job, target, namespace);
    const uid = textAt(object, 'metadata', 'uid') ?? '';
    const rows = items
      .filter((each) =>
        listAt(each, 'metadata', 'ownerReferences').some((owner) => textAt(owner, 'uid') === uid),
      )
      .map((each) => ({
        REVISION: Number(textAt(each, 'metadata', 'annotations', REVISION) ?? numberAt(each, 'revision')),
        NAME: textAt(each, 'metadata', 'name') ?? '',
        CREATED: microseconds(at(each, 'metadata', 'creationTimestamp')),
        IMAGES: imagesOf(each),
        'CHANGE-CAUSE': textAt(each, 'metadata', 'annotations', CAUSE) ?? null,
      }))
      .sort((a, b) => a.REVISION - b.REVISION);
    if (rows.length === 0) yield { kind: 'columns', columns: [{ name: 'REVISION', type: 'number' }] };
    else yield* tableOfRecords(rows, { types: { CREATED: 'time', 'CHANGE-CAUSE': 'text' } });
    yield { kind: 'note', text: rows.length === 0 ? 'No revisions.' : note };
  },
};

/** Deployments have ReplicaSets, the others ControllerRevisions. */
function revisionsOf(job: KubernetesJob, { type }: Target, namespace: string) {
  if (!['Deployment', 'DaemonSet', 'StatefulSet'].includes(type.kind))
    throw new CellError(
      `rollout works with deployments, daemonsets and statefulsets, not with ${type.resource}.`,
    );
  const list = type.kind === 'Deployment' ? 'replicasets' : 'controllerrevisions';
  const path = ['apis', 'apps', 'v1', 'namespaces', namespace, list];
  return askForList(job, { path }, MOST_REVISIONS) satisfies AsyncGenerator<Page, unknown>;
}

function imagesOf(revision: unknown): string {
  const template = at(revision, 'spec', 'template') ?? at(revision, 'data', 'spec', 'template');
  return listAt(template, 'spec', 'containers')
    .map((container) => textAt(container, 'image') ?? '')
    .join(', ');
}
