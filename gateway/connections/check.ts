import { closest, distance } from 'fastest-levenshtein';
import { type core, type ZodType, z } from 'zod';
import type { ConnectionKind } from '../../processors/core/connection.js';
import { Secret } from '../../processors/core/secret.js';
import { type CatalogueDocument, type Draft, QUOTES } from './document.js';
import { isMixed, isUnquoted, misspelt, textsOf, withValues } from './field-reference.js';
import type { CatalogueProblem } from './problem.js';

/** Stands for a value that isn't looked up while only the file's form is checked. */
const UNKNOWN = new Secret('');

/** What other tools call a setting, by how it is written without `_` and `-`. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  user: ['username'],
  login: ['username'],
  pass: ['password'],
  passwd: ['password'],
  pwd: ['password'],
  db: ['database'],
  dbname: ['database'],
  hostname: ['host'],
  server: ['host', 'url'],
  uri: ['url', 'dsn'],
  endpoint: ['url'],
  baseurl: ['url'],
  apikey: ['api_key', 'token'],
  apitoken: ['token'],
  bearer: ['token'],
  sslmode: ['ssl_mode'],
  ssl: ['ssl_mode'],
  ca: ['ca_file'],
  cacert: ['ca_file'],
  cert: ['cert_file'],
  key: ['key_file'],
};

/** Every mistake in the connections of a catalogue: unknown types and fields, credentials written out, two defaults. */
export function checkConnections(
  { connections }: Pick<CatalogueDocument, 'connections'>,
  kinds: ReadonlyMap<string, ConnectionKind>,
): CatalogueProblem[] {
  return [...connections.flatMap((draft) => checkConnection(draft, kinds)), ...checkDefaults(connections)];
}

function checkConnection(draft: Draft, kinds: ReadonlyMap<string, ConnectionKind>): CatalogueProblem[] {
  const { name, type, settings } = draft;
  const references = Object.entries(settings).flatMap(([field, setting]) => {
    const sentence = referenceProblem(setting);
    return sentence === undefined
      ? []
      : [{ field, line: draft.lineOf(field), sentence: `${name}.${field}: ${sentence}` }];
  });
  const told = new Set(references.map(({ field }) => field));
  const problems = references.map(({ line, sentence }) => ({ line, sentence }));
  const kind = kinds.get(type);
  if (kind === undefined) {
    const known = [...kinds.keys()];
    const sentence = `${name}: there is no connection type “${type}”.${near(type, known)} Known: ${known.join(', ')}.`;
    // One without a type is reported already.
    return type === '' ? problems : [{ line: draft.lineOf('type'), sentence }, ...problems];
  }
  const checked = kind.settings.safeParse(withValues(settings, () => UNKNOWN));
  if (checked.success) return problems;
  const issues = checked.error.issues.filter(({ path }) => !told.has(String(path[0])));
  const fields = fieldsOf(kind.settings).filter((field) => !(field in settings));
  return [...problems, ...issues.flatMap((issue) => explain(issue, draft, fields))];
}

/** What is wrong with the references of a setting. Quotes nothing of it but a reference's name. */
function referenceProblem(setting: unknown): string | undefined {
  if (isUnquoted(setting)) return QUOTES;
  const texts = textsOf(setting);
  const wrong = texts.flatMap((text) => misspelt(text) ?? [])[0];
  if (wrong !== undefined) return wrong;
  return texts.some(isMixed) ? 'a {{…}} reference has to be the whole value.' : undefined;
}

function explain(issue: core.$ZodIssue, draft: Draft, fields: readonly string[]): CatalogueProblem[] {
  const { name, lineOf } = draft;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      line: lineOf(key),
      sentence: `${name}: a connection of type ${draft.type} has no setting “${key}”.${meant(key, fields)}`,
    }));
  }
  const field = issue.path.map(String).join('.');
  const line = lineOf(String(issue.path[0] ?? ''));
  const isThere = String(issue.path[0]) in draft.settings;
  if (!isThere) return [{ line, sentence: `${name} needs ${field}.` }];
  if (issue.message === 'credential written out') {
    const variable = `${name}_${field}`.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
    const remedy = `Put it into an environment variable of the gateway and write ${field}: "{{runtime_env:${variable}}}".`;
    return [{ line, sentence: `${name}.${field} is a credential and is written out. ${remedy}` }];
  }
  return [{ line, sentence: `${name}.${field} is not right: ${issue.message}.` }];
}

function checkDefaults(connections: readonly Draft[]): CatalogueProblem[] {
  const seen = new Map<string, string>();
  return connections.flatMap((draft) => {
    if (!draft.isDefault || draft.type === '') return [];
    const other = seen.get(draft.type);
    seen.set(draft.type, draft.name);
    if (other === undefined) return [];
    const sentence = `${draft.name} and ${other} are both the default of type ${draft.type}. Keep one default.`;
    return [{ line: draft.lineOf('default'), sentence }];
  });
}

/** The setting that was probably meant: by another tool's word for it, or by its letters. */
function meant(key: string, fields: readonly string[]): string {
  const plain = (word: string) => word.toLowerCase().replace(/[_-]/g, '');
  const same = fields.find((field) => plain(field) === plain(key));
  const alias = ALIASES[plain(key)]?.find((field) => fields.includes(field));
  const found = same ?? alias;
  return found === undefined ? near(key, fields) : ` Did you mean ${found}?`;
}

function near(word: string, known: readonly string[]): string {
  if (known.length === 0 || word === '') return '';
  const nearest = closest(word, known);
  const most = Math.min(3, Math.ceil(word.length / 2));
  return distance(word, nearest) <= most ? ` Did you mean ${nearest}?` : '';
}

/** The names that a schema of an object takes; a check or a conversion of the whole may be around it. */
function fieldsOf(schema: ZodType): readonly string[] {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape);
  if (schema instanceof z.ZodPipe) return fieldsOf(schema.in as ZodType);
  return [];
}
