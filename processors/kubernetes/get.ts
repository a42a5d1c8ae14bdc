import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { type ApiType, fullName, pathOf, typesNamed } from './api-types.js';
import {
  ALL_NAMESPACES,
  type Asked,
  type CommandKind,
  NAMESPACE,
  namespaceOf,
  SELECTOR,
  targetsIn,
} from './kind-of-command.js';
import { eachPart, type Listing } from './listing.js';
import { PrintedTable } from './printed-table.js';
import type { TablePart, TextPart, Writing } from './reading.js';
import type { KubernetesJob } from './requests.js';
import { rendered } from './words.js';

/** Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables */
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
/** Rows of one answer are small, whole objects are not. */
const ROWS_PER_PART = 500;
const OBJECTS_PER_PART = 100;

/** The gateway keeps so much text of objects, in characters. */
const MOST_TEXT = 32 * 1024 * 1024;

export const get: CommandKind = {
  usage: 'get TYPE [NAME…], get TYPE/NAME…',
  words: [1, 1_000],
  flags: [
    NAMESPACE,
    ALL_NAMESPACES,
    SELECTOR,
    { name: 'field-selector' },
    { name: 'output', short: 'o', values: ['wide', 'yaml', 'json', 'name'] },
    { name: 'show-labels', isSwitch: true },
    { name: 'label-columns', short: 'L' },
  ],

  async *perform(job, asked) {
    const namespace = await namespaceOf(job, asked);
    const lists = yield* listsOf(job, asked, namespace);
    const output = asked.text('output');
    if (output === 'yaml' || output === 'json') yield* texts(job, lists, output);
    else yield* tables(job, lists, asked, namespace);
  },
};

/** Where the objects of one type are asked for: a list, or some of its objects. */
interface Source {
  readonly type: ApiType;
  readonly paths: readonly (readonly string[])[];
  readonly query: Readonly<Record<string, string>>;
}

async function* listsOf(
  job: KubernetesJob,
  asked: Asked,
  namespace: string | undefined,
): AsyncGenerator<Page, readonly Source[]> {
  const { words } = asked.command;
  const [first] = words;
  const selector = asked.text('selector');
  const fields = asked.text('field-selector', 'field');
  const query = {
    ...(selector !== undefined && { labelSelector: selector }),
    ...(fields !== undefined && { fieldSelector: fields }),
  };
  if (first !== undefined && words.length === 1 && !first.written.includes('/')) {
    const sources: Source[] = [];
    for (const word of rendered(first, asked.values).split(','))
      for (const type of yield* typesNamed(job, word))
        sources.push({ type, paths: [pathOf(type, namespace)], query });
    return sources;
  }
  if (asked.is('all-namespaces'))
    throw new CellError('An object has a name in one namespace: use -n, not -A.');
  if (selector !== undefined || fields !== undefined)
    throw new CellError('Ask for names or by a selector, not for both.');
  const sources = new Map<ApiType, string[][]>();
  for (const { type, name } of yield* targetsIn(job, asked)) {
    const paths = sources.get(type) ?? [];
    paths.push([...pathOf(type, namespace), name]);
    sources.set(type, paths);
  }
  return [...sources].map(([type, paths]) => ({ type, paths, query: {} }));
}

async function* tables(
  job: KubernetesJob,
  sources: readonly Source[],
  asked: Asked,
  namespace: string | undefined,
): AsyncGenerator<Page> {
  let isEmpty = true;
  for (const source of sources) {
    const table = new PrintedTable(asked, source.type, sources.length > 1);
    for (const path of source.paths) {
      const note = yield* eachPart<TablePart>(job, listing(source, path, table.needsObjects), (part) =>
        table.pagesOf(part),
      );
      if (note !== '') yield { kind: 'note', text: note };
    }
    // Of several types those without objects are left out, as kubectl does.
    if (table.rows > 0) isEmpty = false;
    else if (sources.length === 1) yield* table.head();
  }
  if (!isEmpty) return;
  if (sources.length > 1) yield { kind: 'columns', columns: [{ name: 'NAME', type: 'text' }] };
  const where = namespace === undefined ? '' : ` in the namespace ${namespace}`;
  yield { kind: 'note', text: `No resources found${sources.some(isNamespaced) ? where : ''}.` };
}

function isNamespaced({ type }: Source): boolean {
  return type.isNamespaced;
}

function listing({ query }: Source, path: readonly string[], needsObjects: boolean): Listing {
  return {
    path,
    // The metadata of each object has its namespace and labels.
    query: { ...query, includeObject: needsObjects ? 'Metadata' : 'None' },
    accept: TABLE,
    limit: ROWS_PER_PART,
    work: 'readTable',
  };
}

/** Whole objects. Values of Secrets are gone already. */
async function* texts(
  job: KubernetesJob,
  sources: readonly Source[],
  format: Writing['format'],
): AsyncGenerator<Page> {
  const found: string[] = [];
  const notes: string[] = [];
  let [count, length] = [0, 0];
  let isList = false;
  for (const { type, paths, query } of sources) {
    const apiVersion = type.group === '' ? type.version : `${type.group}/${type.version}`;
    const argument: Writing = { format, apiVersion, kind: type.kind };
    for (const path of paths) {
      if (path.at(-1) === type.resource) isList = true;
      const list: Listing = { path, query, limit: OBJECTS_PER_PART, work: 'writeObjects', argument };
      const note = yield* eachPart<TextPart>(job, list, function* (part) {
        if (part.count > 0) found.push(part.text);
        count += part.count;
        length += part.text.length;
        yield { kind: 'progress', text: `${count.toLocaleString('en')} objects` };
        return length < MOST_TEXT;
      });
      if (note !== '') notes.push(`${fullName(type)}: ${note}`);
    }
  }
  const isOne = count === 1 && !isList;
  const json = isOne ? found.join('') : `{"apiVersion":"v1","kind":"List","items":[${found.join(',\n')}]}`;
  yield format === 'json'
    ? { kind: 'content', mediaType: 'application/json', charset: 'utf-8', data: Buffer.from(json) }
    : { kind: 'content', mediaType: 'text/plain', charset: 'utf-8', data: Buffer.from(found.join('---\n')) };
  if (count === 0) notes.push('No resources found.');
  for (const text of notes) yield { kind: 'notice', text };
}
