import { oneApart } from '../core/apart.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { pathOf } from './api-types.js';
import { changesBetween } from './changes.js';
import {
  type Asked,
  type CommandKind,
  NAMESPACE,
  ownNamespace,
  type Target,
  targetsIn,
} from './kind-of-command.js';
import { at, numberAt, textAt } from './objects.js';
import { type ApiChange, askForObject, change, type KubernetesJob } from './requests.js';

/** Who changed something, in an object's managedFields. */
export const FIELD_MANAGER = 'spin-runtime';

const MERGE = 'application/merge-patch+json';
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';
const ROLLED_OUT = ['Deployment', 'DaemonSet', 'StatefulSet'];

/** `--dry-run=server`: checked and answered as if it were done. */
export const DRY_RUN = { name: 'dry-run', values: ['server', 'none'] } as const;

export function dryRunOf(asked: Asked): Readonly<Record<string, string>> {
  return asked.text('dry-run') === 'server' ? { dryRun: 'All' } : {};
}

export const scale: CommandKind = {
  usage: 'scale TYPE/NAME --replicas=N',
  words: [1, 20],
  flags: [NAMESPACE, { name: 'replicas' }, { name: 'current-replicas' }, DRY_RUN],
  isWrite: true,

  async *perform(job, asked) {
    const replicas = asked.count('replicas');
    if (replicas === undefined) throw new CellError(`Write: ${scale.usage}.`);
    const current = asked.count('current-replicas');
    const namespace = await ownNamespace(job, asked);
    const told = new Told(asked);
    for (const target of yield* named(job, asked, scale.usage)) {
      const path = [...pathOf(target.type, namespace), target.name, 'scale'];
      const { object: before } = yield* askForObject(job, { path });
      const had = numberAt(before, 'spec', 'replicas');
      if (current !== undefined && had !== current)
        throw new CellError(
          `${target.name} has ${had} replicas, not ${current} (--current-replicas). It was not changed.`,
        );
      const after = yield* changed(job, {
        path,
        query: { fieldManager: FIELD_MANAGER, ...dryRunOf(asked) },
        method: 'PATCH',
        contentType: MERGE,
        // The version makes the server refuse it when the object was changed since.
        body: JSON.stringify({
          ...(current !== undefined && {
            metadata: { resourceVersion: textAt(before, 'metadata', 'resourceVersion') },
          }),
          spec: { replicas },
        }),
      });
      const now = numberAt(after, 'spec', 'replicas');
      yield* told.of(target, had === now ? 'unchanged' : 'scaled', `spec.replicas: ${had} → ${now}`);
    }
  },
};

export const rolloutRestart: CommandKind = {
  usage: 'rollout restart TYPE/NAME…',
  words: [1, 20],
  flags: [NAMESPACE, DRY_RUN],
  isWrite: true,

  async *perform(job, asked) {
    const namespace = await ownNamespace(job, asked);
    const told = new Told(asked);
    const targets = yield* named(job, asked, rolloutRestart.usage);
    const other = targets.find(({ type }) => !ROLLED_OUT.includes(type.kind));
    if (other !== undefined)
      throw new CellError(
        `rollout restart works with deployments, daemonsets and statefulsets, not with ${other.type.resource}.`,
      );
    for (const target of targets) {
      const path = [...pathOf(target.type, namespace), target.name];
      const { object: before } = yield* askForObject(job, { path });
      if (at(before, 'spec', 'paused') === true)
        throw new CellError(`${target.name} is paused: a restart would do nothing until it is resumed.`);
      const annotations = { [RESTARTED_AT]: new Date().toISOString() };
      const after = yield* changed(job, {
        path,
        query: { fieldManager: FIELD_MANAGER, ...dryRunOf(asked) },
        method: 'PATCH',
        contentType: MERGE,
        body: JSON.stringify({ spec: { template: { metadata: { annotations } } } }),
      });
      yield* told.of(target, 'restarted', changesBetween(before, after).join('\n'));
    }
  },
};

export const deletePod: CommandKind = {
  usage: 'delete pod NAME…',
  words: [1, 100],
  flags: [NAMESPACE, { name: 'grace-period' }, DRY_RUN],
  isWrite: true,

  async *perform(job, asked) {
    const namespace = await ownNamespace(job, asked);
    const targets = yield* named(job, asked, deletePod.usage);
    const other = targets.find(({ type }) => type.resource !== 'pods' || type.group !== '');
    if (other !== undefined)
      throw new CellError(
        `This cell deletes pods only, not ${other.type.resource}: a pod of a workload is replaced, other objects are gone.`,
      );
    const grace = asked.count('grace-period');
    const told = new Told(asked);
    for (const target of targets) {
      const path = [...pathOf(target.type, namespace), target.name];
      const { object: before } = yield* askForObject(job, { path });
      // A StatefulSet gives the next pod the same name: only this one is meant, however often it is sent.
      const preconditions = { uid: textAt(before, 'metadata', 'uid') };
      yield* changed(job, {
        path,
        query: dryRunOf(asked),
        method: 'DELETE',
        contentType: 'application/json',
        body: JSON.stringify({
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          preconditions,
          ...(grace !== undefined && { gracePeriodSeconds: grace }),
        }),
      });
      const phase = textAt(before, 'status', 'phase') ?? 'unknown';
      const node = textAt(before, 'spec', 'nodeName');
      const was = `was ${phase}${node === undefined ? '' : ` on ${node}`}`;
      yield* told.of(target, 'deleted', was);
    }
  },
};

/** The answer to changes: a row for each, at once. What was done is shown even if the next one fails. */
export class Told {
  readonly #isDry: boolean;
  #isBegun = false;

  constructor(asked: Asked) {
    this.#isDry = asked.text('dry-run') === 'server';
  }

  *of({ type, name }: Target, action: string, changes: string): Generator<Page> {
    if (!this.#isBegun)
      yield {
        kind: 'columns',
        columns: ['RESOURCE', 'ACTION', 'CHANGES'].map((column) => ({ name: column, type: 'text' })),
      };
    this.#isBegun = true;
    const group = type.group === '' ? '' : `.${type.group}`;
    const done = this.#isDry ? `${action} (dry run: nothing was changed)` : action;
    yield { kind: 'rows', rows: [[`${type.kind.toLowerCase()}${group}/${name}`], [done], [changes]] };
    yield { kind: 'whole' };
  }
}

async function* named(
  job: KubernetesJob,
  asked: Asked,
  usage: string,
): AsyncGenerator<Page, readonly Target[]> {
  const targets = yield* targetsIn(job, asked);
  if (targets.length === 0) throw new CellError(`Write: ${usage}.`);
  return targets;
}

/** The object as it is after a change, without the values of Secrets. */
export async function* changed(job: KubernetesJob, request: ApiChange): AsyncGenerator<Page, unknown> {
  const { pieces } = yield* change(job, request);
  const module = new URL('./reading.js', import.meta.url);
  return oneApart<unknown>(pieces, { module, name: 'readObject', argument: null }, job.signal);
}
