import { createHash } from 'node:crypto';
import { oneApart, type Pieces } from '../core/apart.js';
import { suggestion } from '../core/options.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';
import type { Closable } from '../core/resources.js';
import { secretsIn } from '../core/secret.js';
import { readJson } from '../http/json.js';
import { at, listAt, textAt } from './objects.js';
import { ask, type KubernetesJob } from './requests.js';

/** A type of objects that an API server has: `pods`, `deployments.apps`. */
export interface ApiType {
  readonly group: string;
  readonly version: string;
  /** The plural, as in paths. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly isNamespaced: boolean;
  readonly verbs: readonly string[];
}

/**
 * All types in one answer each for the core and the groups.
 * Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
 */
const DISCOVERY = ['v2', 'v2beta1']
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .join(',');

/** More than any cluster has. */
const MOST_TYPES = 20_000;

/** How long they are remembered, in milliseconds: types are added when something is installed. */
const KEPT_MS = 5 * 60_000;

class KnownTypes implements Closable {
  readonly #known = new Map<string, { readonly until: number; readonly types: readonly ApiType[] }>();

  get(key: string): readonly ApiType[] | undefined {
    const now = Date.now();
    for (const [old, { until }] of this.#known) if (until < now) this.#known.delete(old);
    return this.#known.get(key)?.types;
  }

  set(key: string, types: readonly ApiType[]): void {
    this.#known.set(key, { until: Date.now() + KEPT_MS, types });
  }

  close(): void {
    this.#known.clear();
  }
}

/** @throws {CellError} */
export async function* apiTypes(
  job: KubernetesJob,
  isAnew = false,
): AsyncGenerator<Page, readonly ApiType[]> {
  const known = job.resources.of(KnownTypes);
  const key = keyOf(job);
  const kept = isAnew ? undefined : known.get(key);
  if (kept !== undefined) return kept;
  const types: ApiType[] = [];
  for (const path of ['api', 'apis']) {
    const { pieces } = yield* ask(job, { path: [path], accept: DISCOVERY });
    const module = new URL(import.meta.url);
    types.push(
      ...(await oneApart<ApiType[]>(pieces, { module, name: 'readTypes', argument: null }, job.signal)),
    );
  }
  known.set(key, types);
  return types;
}

/** A kubeconfig may be replaced by one of another cluster, but not within these minutes by another's path. */
function keyOf({ settings }: KubernetesJob): string {
  const secrets = secretsIn(settings).map((secret) => secret.reveal());
  return createHash('sha256')
    .update(JSON.stringify([settings, secrets]))
    .digest('base64');
}

/** A work for `apart`: versions come in the server's order of preference. */
export function* readTypes(pieces: Pieces): Generator<ApiType[]> {
  const value = readJson(pieces);
  if (textAt(value, 'kind') !== 'APIGroupDiscoveryList')
    throw new CellError(
      "The answer is not from an API server of Kubernetes 1.26 or newer: is the connection's url right?",
    );
  const types = listAt(value, 'items').flatMap((group) =>
    listAt(group, 'versions').flatMap((version) =>
      listAt(version, 'resources').map((each) => ({
        group: textAt(group, 'metadata', 'name') ?? '',
        version: textAt(version, 'version') ?? '',
        resource: textAt(each, 'resource') ?? '',
        singular: textAt(each, 'singularResource') ?? '',
        kind: textAt(each, 'responseKind', 'kind') ?? '',
        shortNames: listAt(each, 'shortNames').map(String),
        categories: listAt(each, 'categories').map(String),
        isNamespaced: at(each, 'scope') === 'Namespaced',
        verbs: listAt(each, 'verbs').map(String),
      })),
    ),
  );
  yield types.slice(0, MOST_TYPES);
}

/**
 * The types that a word of a cell names: `po`, `Pod`, `deployments.apps`, `deployments.v1.apps`, or `all`.
 * @throws {CellError} naming one that was probably meant
 */
export async function* typesNamed(
  job: KubernetesJob,
  word: string,
): AsyncGenerator<Page, readonly ApiType[]> {
  const found = matching(yield* apiTypes(job), word);
  if (found.length > 0) return found;
  const types = yield* apiTypes(job, true);
  const now = matching(types, word);
  if (now.length > 0) return now;
  const names = types.flatMap(({ resource, singular, shortNames }) => [resource, singular, ...shortNames]);
  throw new CellError(
    `The API server has no type “${quoted(word)}”.${suggestion(word, names.filter(Boolean), '')} api-resources lists them all.`,
  );
}

export async function* typeNamed(job: KubernetesJob, word: string): AsyncGenerator<Page, ApiType> {
  const [first, ...others] = yield* typesNamed(job, word);
  if (first !== undefined && others.length === 0) return first;
  throw new CellError(`“${quoted(word)}” names several types. Name one of them.`);
}

/** The type that an object says it is. @throws {CellError} where the server has none such */
export async function* typeOfObject(
  job: KubernetesJob,
  apiVersion: string,
  kind: string,
): AsyncGenerator<Page, ApiType> {
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  const isIt = (type: ApiType) => type.group === group && type.version === version && type.kind === kind;
  const found = (yield* apiTypes(job)).find(isIt) ?? (yield* apiTypes(job, true)).find(isIt);
  if (found !== undefined) return found;
  throw new CellError(
    `The API server has no ${quoted(kind)} of ${quoted(apiVersion)}. api-resources lists all types.`,
  );
}

function matching(types: readonly ApiType[], word: string): readonly ApiType[] {
  const wanted = word.toLowerCase();
  const [name = '', ...rest] = wanted.split('.');
  const isCalled = (type: ApiType, called: string) =>
    [type.resource, type.singular, type.kind.toLowerCase(), ...type.shortNames].includes(called);
  const exact = types.find((type) => isCalled(type, wanted));
  if (exact !== undefined) return [exact];
  const ofGroup = types.find((type) => isCalled(type, name) && type.group === rest.join('.'));
  const ofVersion = types.find(
    (type) => isCalled(type, name) && type.version === rest[0] && type.group === rest.slice(1).join('.'),
  );
  const one = rest.length === 0 ? undefined : (ofGroup ?? ofVersion);
  if (one !== undefined) return [one];
  const seen = new Set<string>();
  return types.filter(({ categories, group, resource }) => {
    const is = categories.includes(wanted) && !seen.has(`${resource}.${group}`);
    if (is) seen.add(`${resource}.${group}`);
    return is;
  });
}

/** @returns e.g. `deployments.apps` */
export function fullName({ resource, group }: ApiType): string {
  return group === '' ? resource : `${resource}.${group}`;
}

/** The path of a type's list. @param namespace undefined: of all namespaces, or where it has none */
export function pathOf(type: ApiType, namespace: string | undefined): string[] {
  const { group, version, resource, isNamespaced } = type;
  return [
    ...(group === '' ? ['api', version] : ['apis', group, version]),
    ...(isNamespaced && namespace !== undefined ? ['namespaces', namespace] : []),
    resource,
  ];
}
