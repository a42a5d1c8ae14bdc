import { randomBytes } from 'node:crypto';
import { isScalar, parseAllDocuments, Scalar, type ScalarTag, visit } from 'yaml';
import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';
import { compoundName, isPlain, type Value } from '../core/value.js';
import { isObject, listAt } from './objects.js';
import type { Values } from './words.js';

/** Objects of one cell. */
const MOST_OBJECTS = 200;

/**
 * The objects of a manifest, with kernel variables. The YAML is read before a value is put in, so that a value is never
 * more than one value: alone it keeps its type (a number, a list, a dict); in quotes or beside other text it is text.
 *
 * @throws {CellError} for what is not YAML, or holds no object
 */
export function objectsIn(manifest: string, values: Values, isRaw: boolean): object[] {
  const { text, placed } = isRaw ? { text: manifest, placed: new Map() } : withMarks(manifest, values);
  const documents = parseAllDocuments(text, {
    prettyErrors: false,
    logLevel: 'error',
    merge: true,
    customTags: (tags) => [octal, ...tags],
  });
  const objects: object[] = [];
  for (const document of [documents].flat()) {
    const [error] = document.errors;
    if (error !== undefined)
      throw new CellError(`The manifest is not YAML: ${error.message.split('\n')[0] ?? ''}`);
    visit(document, {
      Scalar(_, node) {
        const value = valued(node, placed);
        if (value !== undefined) node.value = value.is;
      },
    });
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch {
      throw new CellError('The manifest has too many aliases.');
    }
    if (value === null || value === undefined) continue;
    const isList = isObject(value) && value.kind === 'List';
    for (const each of isList ? listAt(value, 'items') : [value]) {
      if (!isObject(each))
        throw new CellError('Each document of the manifest has to be an object of Kubernetes.');
      objects.push(each);
    }
  }
  if (objects.length === 0) throw new CellError('apply needs objects as YAML on the lines below it.');
  if (objects.length > MOST_OBJECTS) throw new CellError(`A cell applies at most ${MOST_OBJECTS} objects.`);
  return objects;
}

/** In YAML 1.1, which kubectl reads, 0644 is octal: file modes are written so. */
const octal: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:int',
  test: /^0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

type Placed = ReadonlyMap<string, { readonly reference: string; readonly value: Value }>;

/** Each reference becomes a word that YAML reads as plain text, and that no manifest contains by chance. */
function withMarks(manifest: string, values: Values): { readonly text: string; readonly placed: Placed } {
  const placed = new Map<string, { reference: string; value: Value }>();
  const secret = randomBytes(12).toString('hex');
  const parts: string[] = [];
  let from = 0;
  for (let at = manifest.indexOf('{{'); at >= 0; at = manifest.indexOf('{{', at)) {
    const reference = referenceAt(manifest, at);
    const isEscaped = manifest[at - 1] === '\\';
    if (reference === undefined || isEscaped) {
      if (isEscaped) {
        parts.push(manifest.slice(from, at - 1));
        from = at;
      }
      at += 2;
      continue;
    }
    const value = values.get(reference);
    if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
    const mark = `mark${secret}x${placed.size}x`;
    placed.set(mark, { reference, value });
    parts.push(manifest.slice(from, at), mark);
    at += reference.length + 4;
    from = at;
  }
  parts.push(manifest.slice(from));
  return { text: parts.join(''), placed };
}

/** The value of a scalar that contains marks; undefined for any other. */
function valued(node: Scalar, placed: Placed): { readonly is: unknown } | undefined {
  if (!isScalar(node) || typeof node.value !== 'string' || !node.value.includes('mark')) return undefined;
  const alone = node.type === Scalar.PLAIN ? placed.get(node.value) : undefined;
  if (alone !== undefined) return { is: typed(alone.reference, alone.value) };
  const text = node.value.replace(/mark[0-9a-f]{24}x\d+x/g, (mark) => {
    const found = placed.get(mark);
    if (found === undefined) return mark;
    if (!isPlain(found.value))
      throw new CellError(
        `{{${found.reference}}} is ${compoundName(found.value)}: beside other text, or in quotes, only text and numbers can stand.`,
      );
    return String(found.value.value);
  });
  return { is: text };
}

function typed(reference: string, value: Value): unknown {
  switch (value.type) {
    case 'number': {
      const number = Number(value.value);
      const isExact = /[.eE]/.test(value.value) || Number.isSafeInteger(number);
      if (Number.isFinite(number) && isExact) return number;
      throw new CellError(
        `{{${reference}}} is not a number that a manifest can have. Write it in quotes as text.`,
      );
    }
    case 'list':
      return value.value.map((each) => typed(reference, each));
    case 'object':
      return Object.fromEntries(
        Object.entries(value.value).map(([name, each]) => [name, typed(reference, each)]),
      );
    case 'table':
    case 'bytes':
      throw new CellError(`{{${reference}}} is ${compoundName(value)}, which a manifest has no value for.`);
    default:
      return value.value;
  }
}
