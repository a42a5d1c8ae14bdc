import type { Test } from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { oneConnection } from '../support/brokered.js';
import { type Answer, give, type RestServer, startRestServer } from './rest-server.js';

/** What a type says of itself in aggregated discovery. */
const type = (resource: string, kind: string, shortNames: string[] = [], scope = 'Namespaced') => ({
  resource,
  responseKind: { group: '', version: 'v1', kind },
  scope,
  singularResource: kind.toLowerCase(),
  verbs: ['get', 'list', 'patch'],
  shortNames,
  ...(resource === 'pods' || resource === 'services' ? { categories: ['all'] } : {}),
});

const group = (name: string, resources: readonly object[]) => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  items: [{ metadata: { name }, versions: [{ version: 'v1', resources }] }],
});

export const json = (value: object, status = 200, headers: object = {}): Answer =>
  give('application/json', JSON.stringify(value), status, headers);

/** A Status of the API's: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export const failure = (code: number, reason: string, message: string, metadata: object = {}): Answer =>
  json({ kind: 'Status', apiVersion: 'v1', metadata, status: 'Failure', reason, message, code }, code);

/** A page of a table with the names of objects. */
export const table = (names: readonly string[], metadata: object = {}) => ({
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
  columnDefinitions: [
    { name: 'Name', type: 'string', priority: 0 },
    { name: 'Restarts', type: 'integer', priority: 0 },
    { name: 'Node', type: 'string', priority: 1 },
  ],
  rows: names.map((name, at) => ({
    cells: [name, at, 'n1'],
    object: { kind: 'PartialObjectMetadata', metadata: { name, namespace: 'shop', labels: { app: name } } },
  })),
});

/**
 * An API server of a few answers, scripted from the vendor's documentation, for what a real one does rarely: it is busy,
 * forgets a list, breaks off. `test/real/kubernetes.test.ts` has the real one.
 */
export async function startApi(t: Test, answers: Readonly<Record<string, Answer>> = {}): Promise<RestServer> {
  return startRestServer(t, {
    '/api': json(
      group('', [
        type('pods', 'Pod', ['po']),
        type('services', 'Service', ['svc']),
        type('secrets', 'Secret'),
        type('configmaps', 'ConfigMap', ['cm']),
        type('nodes', 'Node', ['no'], 'Cluster'),
      ]),
    ),
    '/apis': json(group('apps', [type('deployments', 'Deployment', ['deploy'])])),
    ...answers,
  });
}

export const TOKEN = 'canary-token-of-kubernetes';

export function connectionTo({ origin }: RestServer, more: object = {}) {
  return oneConnection('kubernetes', { url: origin, token: new Secret(TOKEN), namespace: 'shop', ...more });
}

/** The requests of a cell, without those for the types. */
export function askedOf({ asked }: RestServer): string[] {
  return asked.filter(({ url }) => !/^\/apis?$/.test(url)).map(({ method, url }) => `${method} ${url}`);
}

/** Of the tables of a cell, the rows of one column. */
export function columnOf(answers: readonly Readonly<Record<string, unknown>>[], name: string): unknown[] {
  let at = -1;
  const found: unknown[] = [];
  for (const { kind, columns, rows } of answers) {
    if (kind === 'columns') at = (columns as { name: string }[]).findIndex((each) => each.name === name);
    if (kind === 'rows' && at >= 0) found.push(...((rows as unknown[][])[at] ?? []));
  }
  return found;
}
