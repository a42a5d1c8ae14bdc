import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { pathOf, typeOfObject } from './api-types.js';
import { eventTable } from './events.js';
import { type CommandKind, NAMESPACE, ownNamespace, type Target, targetsIn } from './kind-of-command.js';
import { at, isObject, type KubeObject, listAt, textAt, titleOf } from './objects.js';
import { yamlOf } from './reading.js';
import { askForObject, type KubernetesJob } from './requests.js';

/** A pod's chain is ReplicaSet, Deployment; some operators add one or two. */
const LONGEST_CHAIN = 5;
const FORBIDDEN = 403;
const NOT_FOUND = 404;

export const describe: CommandKind = {
  usage: 'describe TYPE NAME…, describe TYPE/NAME…',
  words: [1, 100],
  flags: [NAMESPACE],

  async *perform(job, asked) {
    const namespace = await ownNamespace(job, asked);
    const targets = yield* targetsIn(job, asked);
    if (targets.length === 0) throw new CellError(`Write: ${describe.usage}. get lists the names.`);
    for (const target of targets) yield* described(job, target, namespace);
  },
};

async function* described(job: KubernetesJob, target: Target, namespace: string): AsyncGenerator<Page> {
  const path = [...pathOf(target.type, namespace), target.name];
  const { object } = yield* askForObject(job, { path });
  const owners = yield* ownersOf(job, object, namespace);
  yield {
    kind: 'content',
    mediaType: 'text/plain',
    charset: 'utf-8',
    data: Buffer.from(yamlOf(summary(object, owners))),
  };
  try {
    yield* eventTable(job, namespace, target);
  } catch (error) {
    // A right to see the object is none to see its events.
    if (!(error instanceof CellError)) throw error;
    yield { kind: 'notice', text: `No events: ${error.message}` };
  }
}

/** What people look for first, then all that the object says. */
function summary(object: unknown, owners: readonly string[]): KubeObject {
  const {
    metadata,
    apiVersion: _,
    kind: __,
    ...rest
  } = (isObject(object) ? object : {}) as {
    readonly metadata?: unknown;
    readonly [name: string]: unknown;
  };
  const others = Object.entries(rest).map(([name, value]) => [capital(name), value]);
  return {
    Name: titleOf(object),
    ...given('Namespace', at(metadata, 'namespace')),
    ...given('Created', at(metadata, 'creationTimestamp')),
    ...given('Deleted since', at(metadata, 'deletionTimestamp')),
    ...given('Labels', at(metadata, 'labels')),
    ...given('Annotations', annotationsOf(metadata)),
    ...(owners.length > 0 && { 'Controlled by': owners.join(' ← ') }),
    ...given('Finalizers', at(metadata, 'finalizers')),
    ...Object.fromEntries(others),
  };
}

/** Without the object itself, which kubectl apply keeps there. */
function annotationsOf(metadata: unknown): unknown {
  const all = at(metadata, 'annotations');
  if (!isObject(all)) return undefined;
  const { 'kubectl.kubernetes.io/last-applied-configuration': _, ...others } = all;
  return Object.keys(others).length === 0 ? undefined : others;
}

function given(name: string, value: unknown): KubeObject {
  return value === undefined ? {} : { [name]: value };
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** Who made the object, who made that one, and so on: `ReplicaSet/api-5d`, `Deployment/api`. */
async function* ownersOf(
  job: KubernetesJob,
  object: unknown,
  namespace: string,
): AsyncGenerator<Page, readonly string[]> {
  const chain: string[] = [];
  let current = object;
  while (chain.length < LONGEST_CHAIN) {
    const owner = listAt(current, 'metadata', 'ownerReferences').find(
      (each) => at(each, 'controller') === true,
    );
    const [kind, name, apiVersion] = ['kind', 'name', 'apiVersion'].map((field) => textAt(owner, field));
    if (kind === undefined || name === undefined || apiVersion === undefined) break;
    chain.push(`${kind}/${name}`);
    try {
      const type = yield* typeOfObject(job, apiVersion, kind);
      const path = [...pathOf(type, namespace), name];
      const answer = yield* askForObject(job, { path, takes: [FORBIDDEN, NOT_FOUND] });
      if (answer.status !== 200) break;
      current = answer.object;
    } catch (error) {
      // The type of an operator that was removed.
      if (error instanceof CellError) break;
      throw error;
    }
  }
  return chain;
}
