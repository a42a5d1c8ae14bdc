import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { type ApiType, pathOf, typeOfObject } from './api-types.js';
import { changesBetween } from './changes.js';
import { type CommandKind, NAMESPACE, ownNamespace } from './kind-of-command.js';
import { objectsIn } from './manifest.js';
import { textAt } from './objects.js';
import { askForObject, type KubernetesJob } from './requests.js';
import { changed, DRY_RUN, dryRunOf, FIELD_MANAGER, Told } from './writes.js';

const NOT_FOUND = 404;

export const apply: CommandKind = {
  usage: 'apply, and the objects as YAML on the lines below',
  words: [0, 0],
  flags: [
    NAMESPACE,
    // As people know it: apply -f -
    { name: 'filename', short: 'f', values: ['-'] },
    { name: 'server-side', isSwitch: true },
    { name: 'force-conflicts', isSwitch: true },
    DRY_RUN,
  ],
  isWrite: true,
  takesManifest: true,

  /** Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
  async *perform(job, asked) {
    const usual = await ownNamespace(job, asked);
    const objects = objectsIn(asked.command.manifest, asked.values, asked.command.isRaw);
    const planned: { type: ApiType; path: string[]; object: object; name: string }[] = [];
    // All of them are looked at before the first one is sent.
    for (const object of objects) {
      const [apiVersion = '', kind = '', name] = ['apiVersion', 'kind'].map((field) => textAt(object, field));
      const own = textAt(object, 'metadata', 'name') ?? name;
      if (apiVersion === '' || kind === '' || own === undefined)
        throw new CellError('Each object needs apiVersion, kind and metadata.name.');
      const type = yield* typeOfObject(job, apiVersion, kind);
      const namespace = textAt(object, 'metadata', 'namespace') ?? usual;
      if (asked.command.flags.has('namespace') && namespace !== usual && type.isNamespaced)
        throw new CellError(`${kind}/${own} names the namespace ${namespace}, and the command ${usual}.`);
      planned.push({ type, path: [...pathOf(type, namespace), own], object, name: own });
    }
    const told = new Told(asked);
    for (const { type, path, object, name } of planned) {
      yield { kind: 'progress', text: `applying ${type.kind}/${name}` };
      const before = yield* existing(job, path);
      const after = yield* changed(job, {
        path,
        query: {
          fieldManager: FIELD_MANAGER,
          force: String(asked.is('force-conflicts')),
          ...dryRunOf(asked),
        },
        method: 'PATCH',
        // YAML is the type's name; JSON is YAML.
        contentType: 'application/apply-patch+yaml',
        body: JSON.stringify(object),
      });
      yield* told.of({ type, name }, ...difference(before, after));
    }
  },
};

/** What was done, and what is different. A dry run has no version of its own. */
function difference(before: unknown, after: unknown): [action: string, changes: string] {
  if (before === undefined) return ['created', ''];
  const changes = changesBetween(before, after);
  const version = (each: unknown) => textAt(each, 'metadata', 'resourceVersion');
  if (changes.length > 0) return ['configured', changes.join('\n')];
  if (version(before) === version(after)) return ['unchanged', ''];
  return ['configured', 'nothing that is shown: values of a Secret, or who set a field'];
}

async function* existing(job: KubernetesJob, path: readonly string[]): AsyncGenerator<Page, unknown> {
  const { status, object } = yield* askForObject(job, { path, takes: [NOT_FOUND] });
  return status === NOT_FOUND ? undefined : object;
}
