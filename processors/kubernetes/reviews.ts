import type { Page } from '../core/pages.js';
import { CellError, type Json } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import { apiTypes, typeNamed } from './api-types.js';
import { ALL_NAMESPACES, type CommandKind, NAMESPACE, namespaceOf, ownNamespace } from './kind-of-command.js';
import { at, listAt, textAt } from './objects.js';
import { askForObject, type KubernetesJob } from './requests.js';

const AUTHORIZATION = ['apis', 'authorization.k8s.io', 'v1'];
/** A review with status 201 has been answered; nothing is stored. */
const LARGEST = 8 * 1024 * 1024;

/** Source: https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/ */
export const canI: CommandKind = {
  usage: 'auth can-i VERB TYPE [NAME], auth can-i --list',
  words: [0, 3],
  flags: [NAMESPACE, ALL_NAMESPACES, { name: 'subresource' }, { name: 'list', isSwitch: true }],

  async *perform(job, asked) {
    if (asked.is('list')) {
      yield* rules(job, await ownNamespace(job, asked));
      return;
    }
    const [verb, pair, name] = [asked.word(0), asked.word(1), asked.word(2)];
    if (verb === undefined || pair === undefined) throw new CellError(`Write: ${canI.usage}.`);
    const namespace = await namespaceOf(job, asked);
    const [word = '', named] = pair.split('/');
    const type = word === '*' ? undefined : yield* typeNamed(job, word);
    const subresource = asked.text('subresource');
    const { object } = yield* askForObject(job, {
      path: [...AUTHORIZATION, 'selfsubjectaccessreviews'],
      method: 'POST',
      json: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: {
          resourceAttributes: {
            verb,
            group: type?.group ?? '*',
            resource: type?.resource ?? '*',
            ...(subresource !== undefined && { subresource }),
            ...((named ?? name) !== undefined && { name: named ?? name }),
            ...(namespace !== undefined && type?.isNamespaced !== false && { namespace }),
          },
        },
      },
    });
    const isAllowed = at(object, 'status', 'allowed') === true;
    const reason = textAt(object, 'status', 'reason');
    yield* tableOfRecords([
      { VERB: verb, RESOURCE: pair, ALLOWED: isAllowed ? 'yes' : 'no', REASON: reason ?? '' },
    ]);
  },
};

async function* rules(job: KubernetesJob, namespace: string): AsyncGenerator<Page> {
  const { object } = yield* askForObject(job, {
    path: [...AUTHORIZATION, 'selfsubjectrulesreviews'],
    method: 'POST',
    json: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } },
    largest: LARGEST,
  });
  const texts = (value: unknown, name: string) => listAt(value, name).map(String).join(', ');
  const rows = listAt(object, 'status', 'resourceRules').flatMap((rule) =>
    listAt(rule, 'resources').map((resource) => ({
      RESOURCE: String(resource),
      GROUPS: texts(rule, 'apiGroups'),
      NAMES: texts(rule, 'resourceNames'),
      VERBS: texts(rule, 'verbs'),
    })),
  );
  if (rows.length === 0) yield { kind: 'columns', columns: [{ name: 'RESOURCE', type: 'text' }] };
  else yield* tableOfRecords(rows);
  if (at(object, 'status', 'incomplete') === true)
    yield { kind: 'note', text: 'Not complete: one of the cluster’s authorizers cannot list its rules.' };
}

/** Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/self-subject-review-v1/ */
export const whoAmI: CommandKind = {
  usage: 'auth whoami',
  words: [0, 0],
  flags: [],

  async *perform(job) {
    const info = yield* userOf(job);
    yield* tableOfRecords([
      { USERNAME: textAt(info, 'username') ?? '', GROUPS: listAt(info, 'groups').map(String).join(', ') },
    ]);
  },
};

/** Who the server takes the connection's credential for. */
export async function* userOf(job: KubernetesJob): AsyncGenerator<Page, unknown> {
  const { object } = yield* askForObject(job, {
    path: ['apis', 'authentication.k8s.io', 'v1', 'selfsubjectreviews'],
    method: 'POST',
    json: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  });
  return at(object, 'status', 'userInfo');
}

export const apiResources: CommandKind = {
  usage: 'api-resources',
  words: [0, 0],
  flags: [{ name: 'api-group' }, { name: 'namespaced', values: ['true', 'false'] }],

  async *perform(job, asked) {
    const group = asked.text('api-group');
    const namespaced = asked.text('namespaced');
    const rows = (yield* apiTypes(job))
      .filter((type) => group === undefined || type.group === group)
      .filter((type) => namespaced === undefined || String(type.isNamespaced) === namespaced)
      .map(
        (type): Readonly<Record<string, Json>> => ({
          NAME: type.resource,
          SHORTNAMES: type.shortNames.join(','),
          APIVERSION: type.group === '' ? type.version : `${type.group}/${type.version}`,
          NAMESPACED: type.isNamespaced,
          KIND: type.kind,
          VERBS: type.verbs.join(','),
        }),
      );
    if (rows.length === 0) yield { kind: 'columns', columns: [{ name: 'NAME', type: 'text' }] };
    else yield* tableOfRecords(rows);
  },
};
