import { oneApart } from '../core/apart.js';
import type { CompletionJob, Suggested, Suggestion } from '../core/suggestion.js';
import { accessOf } from './access.js';
import { apiTypes, pathOf, typeNamed } from './api-types.js';
import { commands } from './commands.js';
import type { TablePart } from './reading.js';
import { ask, type KubernetesJob, settled } from './requests.js';
import type { KubernetesSettings } from './settings.js';

/** Names that are asked for. */
const MOST_NAMES = 500;
/** How long a question may take, in milliseconds. */
const PATIENCE_MS = 5_000;
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

type Kept = CompletionJob<KubernetesSettings>;

/** Commands, flags, types, names of objects and namespaces, in the line with the cursor. */
export async function completeCommand(body: string, cursor: number, job: Kept): Promise<Suggested> {
  const line = body.slice(body.lastIndexOf('\n', cursor - 1) + 1, cursor);
  const words = line.split(/[ \t]+/).filter((word, at) => word !== '' || at > 0);
  const typed = words.pop() ?? '';
  if (words[0] === 'kubectl') words.shift();
  const { from, items } = await suggested(words, typed, job);
  return {
    from: cursor - typed.length + from,
    to: cursor,
    items: items.filter(({ text }) => text.startsWith(typed.slice(from))),
  };
}

interface Found {
  /** Where in the typed word the suggestions begin. */
  readonly from: number;
  readonly items: readonly Suggestion[];
}

async function suggested(words: readonly string[], typed: string, job: Kept): Promise<Found> {
  const verb = verbOf(words);
  const kind = verb === undefined ? undefined : commands[verb];
  if (kind === undefined || verb === undefined) return { from: 0, items: verbsAfter(words) };
  const before = words.at(-1) ?? '';
  const flag = kind.flags.find(({ name, short }) => before === `--${name}` || before === `-${short ?? ''}`);
  if (flag !== undefined && flag.isSwitch !== true) {
    if (flag.values !== undefined)
      return { from: 0, items: flag.values.map((text) => ({ text, kind: 'value' })) };
    if (flag.name === 'namespace') return { from: 0, items: await namesOf('namespaces', '', job) };
    if (flag.name !== 'for') return { from: 0, items: [] };
  }
  if (typed.startsWith('-')) {
    const items = kind.flags.flatMap(({ name, short }) => [
      { text: `--${name}`, kind: 'flag' },
      ...(short === undefined ? [] : [{ text: `-${short}`, kind: 'flag', help: `--${name}` }]),
    ]);
    return { from: 0, items };
  }
  const namespace = namespaceIn(words);
  const plain = words
    .slice(verb.split(' ').length)
    .filter((word) => !word.startsWith('-') && word !== namespace);
  const slash = typed.indexOf('/');
  if (slash > 0) return { from: slash + 1, items: await namesOf(typed.slice(0, slash), namespace, job) };
  if (verb === 'logs') return { from: 0, items: await namesOf('pods', namespace, job) };
  if (verb.startsWith('top ')) return { from: 0, items: await namesOf(verb.slice(4), namespace, job) };
  const [type] = plain;
  if (verb === 'auth can-i' && plain.length === 0)
    return { from: 0, items: VERBS.map((text) => ({ text, kind: 'verb' })) };
  if (type !== undefined && verb !== 'auth can-i')
    return { from: 0, items: await namesOf(type, namespace, job) };
  return verb === 'api-resources' || verb === 'apply'
    ? { from: 0, items: [] }
    : { from: 0, items: await types(job) };
}

/** Of the API: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb */
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];

function verbOf([first = '', second = '']: readonly string[]): string | undefined {
  return [`${first} ${second}`, first].find((verb) => Object.hasOwn(commands, verb));
}

/** The first word of a command, or its second one. */
function verbsAfter([first]: readonly string[]): Suggestion[] {
  const found = Object.keys(commands).map((verb) => verb.split(' '));
  const texts =
    first === undefined
      ? found.map(([verb = '']) => verb)
      : found.filter(([verb]) => verb === first).map(([, second = '']) => second);
  return [...new Set(texts)].map((text) => ({ text, kind: 'command' }));
}

function namespaceIn(words: readonly string[]): string {
  const at = words.findLastIndex((word) => word === '-n' || word === '--namespace');
  return at < 0 ? '' : (words[at + 1] ?? '');
}

async function types(job: Kept): Promise<Suggestion[]> {
  const found = await job.remembered('types', (...given) => settled(apiTypes(jobOf(...given))));
  const names = new Map((found ?? []).map(({ resource, kind }) => [resource, kind]));
  return [...names].map(([text, help]) => ({ text, kind: 'type', help }));
}

/** @param namespace empty: the connection's */
async function namesOf(type: string, namespace: string, job: Kept): Promise<Suggestion[]> {
  const names = await job.remembered(`names ${type} ${namespace}`, async (...given) => {
    const asking = jobOf(...given);
    const found = await settled(typeNamed(asking, type));
    const { settings, signal, resources, hide } = asking;
    const own = namespace || (await accessOf(settings, signal, resources, hide)).namespace;
    const query = { limit: String(MOST_NAMES), includeObject: 'Metadata' };
    const { pieces } = await settled(ask(asking, { path: pathOf(found, own), query, accept: TABLE }));
    const module = new URL('./reading.js', import.meta.url);
    const part = await oneApart<TablePart>(pieces, { module, name: 'readTable', argument: null }, signal);
    return part.rows.map(({ name }) => name);
  });
  return (names ?? []).map((text) => ({ text, kind: 'name' }));
}

function jobOf(
  ...[settings, signal, resources]: Parameters<Parameters<Kept['remembered']>[1]>
): KubernetesJob {
  // Nothing of what is asked is shown but names.
  return { settings, signal, resources, endsAt: Date.now() + PATIENCE_MS, hide: () => {} };
}
