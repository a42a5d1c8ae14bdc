import { closest, distance } from 'fastest-levenshtein';
import type { core } from 'zod';
import type { ConnectionKind } from '../../processors/connection.js';
import { Secret } from '../../processors/secret.js';
import type { CatalogueDocument, Draft } from './document.js';
import type { CatalogueProblem } from './problem.js';
import { isMixed, textsOf, withValues } from './references.js';

/** Stands for a value that isn't looked up while only the file's form is checked. */
const UNKNOWN = new Secret('');

/** Every mistake in the connections of a catalogue: unknown types and fields, credentials written out, two defaults. */
export function checkConnections(
  { connections }: CatalogueDocument,
  kinds: ReadonlyMap<string, ConnectionKind>,
): CatalogueProblem[] {
  return [...connections.flatMap((draft) => checkConnection(draft, kinds)), ...checkDefaults(connections)];
}

function checkConnection(draft: Draft, kinds: ReadonlyMap<string, ConnectionKind>): CatalogueProblem[] {
  const { name, type, settings } = draft;
  const kind = kinds.get(type);
  if (kind === undefined) {
    const known = [...kinds.keys()];
    const sentence = `${name}: there is no connection type “${type}”.${near(type, known)} Known: ${known.join(', ')}.`;
    return [{ line: draft.lineOf('type'), sentence }];
  }
  const mixed = Object.entries(settings)
    .filter(([, setting]) => textsOf(setting).some(isMixed))
    .map(([field]) => ({
      line: draft.lineOf(field),
      sentence: `${name}.${field}: a {{…}} reference has to be the whole value.`,
    }));
  if (mixed.length > 0) return mixed;
  const checked = kind.settings.safeParse(withValues(settings, () => UNKNOWN));
  return checked.success ? [] : checked.error.issues.flatMap((issue) => explain(issue, draft));
}

function explain(issue: core.$ZodIssue, draft: Draft): CatalogueProblem[] {
  const { name, lineOf } = draft;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      line: lineOf(key),
      sentence: `${name}: a connection of type ${draft.type} has no setting “${key}”.`,
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
    if (!draft.isDefault) return [];
    const other = seen.get(draft.type);
    seen.set(draft.type, draft.name);
    if (other === undefined) return [];
    const sentence = `${draft.name} and ${other} are both the default of type ${draft.type}: leave one.`;
    return [{ line: draft.lineOf('default'), sentence }];
  });
}

function near(word: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const nearest = closest(word, known);
  return distance(word, nearest) <= 3 ? ` Did you mean ${nearest}?` : '';
}
