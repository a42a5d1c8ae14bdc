import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Connection, ConnectionKind, Connections } from '../../processors/core/connection.js';
import { CellError } from '../../processors/core/processor.js';
import type { Secret } from '../../processors/core/secret.js';
import { codeOf } from '../error-code.js';
import { faultOf } from '../fault.js';
import type { Log } from '../log.js';
import { checkConnections } from './check.js';
import { type CatalogueDocument, type Draft, readDocument } from './document.js';
import { textsOf, wholeReference, withValues } from './field-reference.js';
import { CatalogueError, type CatalogueProblem } from './problem.js';
import { createStores, type Stores } from './stores.js';

/** How often the file is looked at. */
const LOOK_EVERY_MS = 5_000;

const UNFORESEEN: CatalogueProblem = {
  sentence: 'it could not be read, for an unexpected reason.',
};

/** The connections that cells may use, as the file has them right now. */
export interface Catalogue extends Connections {
  all(): readonly (Connection & { readonly isDefault: boolean })[];
  /**
   * True for a name that a connection takes its credentials from, so that cells may not
   * @param reference e.g. `runtime_env:NAME`
   */
  reserves(reference: string): boolean;
  /** The value of a reference, for callers that may use it. */
  stores(): Stores;
  /** What is wrong in the file as it is now, where that version is not in use; empty when it is. */
  problems(): readonly CatalogueProblem[];
  /** When the version in use was read, in milliseconds since 1970. */
  loadedAt(): number;
  /** Looks at the file now, as it is done every few seconds. Never rejects. */
  look(): Promise<void>;
  /** Ends the following of changes. */
  close(): void;
}

export interface CatalogueOptions {
  readonly file: string;
  /** True when the user named the file, so that it must exist. */
  readonly required: boolean;
  readonly kinds: ReadonlyMap<string, ConnectionKind>;
  /** The gateway's environment without its own settings. */
  readonly environment: ReadonlyMap<string, Secret>;
  readonly log: Log;
  readonly lookEveryMs?: number;
}

/** What one version of the file says. */
interface Version {
  readonly content: string;
  readonly document: CatalogueDocument;
  readonly stores: Stores;
}

/**
 * Reads the catalogue and follows its changes. The content is compared, not times: so a rename, a symlink swap
 * (Kubernetes) or a network file system all work alike. A bad file leaves the old catalogue in use and says why.
 *
 * @throws {CatalogueError} when it can't be used at start: an empty one in its place would open to cells the names
 *   that its connections reserve
 */
export async function openCatalogue(options: CatalogueOptions): Promise<Catalogue> {
  const { file, log, lookEveryMs = LOOK_EVERY_MS } = options;
  let version = read(await contentOf(options), options);
  /** The content that was last judged; undefined when there was none. */
  let seen: string | undefined = version.content;
  let problems: readonly CatalogueProblem[] = [];
  let loadedAt = Date.now();
  let lookedAt = loadedAt;

  const look = async () => {
    try {
      const before = seen;
      seen = undefined;
      lookedAt = Date.now();
      seen = await contentOf(options);
      if (seen === before) return;
      version = read(seen, options);
      problems = [];
      loadedAt = Date.now();
      log.info({ connections: version.document.connections.length }, 'the connection catalogue was reloaded');
    } catch (error) {
      const found = error instanceof CatalogueError ? error.problems : [UNFORESEEN];
      if (isDeepStrictEqual(found, problems)) return;
      problems = found;
      const err = new CatalogueError(file, found).message;
      log.warn({ file, err }, 'the new connection catalogue is not used; the old one stays');
    }
  };
  let looking = Promise.resolve();
  const lookNext = () => {
    looking = looking.then(look);
    return looking;
  };
  const unforeseen = (error: unknown) =>
    log.error({ file, fault: faultOf(error) }, 'could not check the connection catalogue');
  const timer = setInterval(() => lookNext().catch(unforeseen), lookEveryMs).unref();

  /** For a user who looks for something that a changed file may contain: why it isn't here. */
  const unused = (): string => {
    const [first] = problems;
    if (first !== undefined) {
      const place = first.line === undefined ? '' : `line ${first.line}: `;
      return ` The changed catalogue is not in use: ${place}${first.sentence}`;
    }
    return isNewer(file, lookedAt) ? ' The catalogue has just changed: run the cell again.' : '';
  };
  const connectionOf = (draft: Draft) => ({
    name: draft.name,
    type: draft.type,
    isDefault: draft.isDefault,
    settings: () => settingsOf(draft, version.stores, options.kinds),
  });
  return {
    all: () => version.document.connections.map(connectionOf),
    types: () => new Set(version.document.connections.map(({ type }) => type)),
    names: (type) =>
      version.document.connections.filter((draft) => draft.type === type).map(({ name }) => name),
    find: (type, name) => connectionOf(choose(version.document.connections, type, name, unused)),
    stores: () => version.stores,
    reserves(reference) {
      const { connections } = version.document;
      const { canonical } = version.stores;
      const wanted = nameOf(canonical(reference));
      return connections.some(({ settings }) =>
        referencesOf(settings).some((used) => nameOf(canonical(used)) === wanted || nameOf(used) === wanted),
      );
    },
    problems: () => problems,
    loadedAt: () => loadedAt,
    look: lookNext,
    close: () => clearInterval(timer),
  };
}

async function contentOf({ file, required }: CatalogueOptions): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = codeOf(error) ?? 'unreadable';
    if (code === 'ENOENT' && !required) return '';
    const remedy = required ? ' Set SPIN_CONNECTIONS to a file that the gateway can read, or unset it.' : '';
    throw new CatalogueError(file, [{ sentence: `the file can't be read (${code}).${remedy}` }]);
  }
}

function read(content: string, { file, kinds, environment }: CatalogueOptions): Version {
  const document = readDocument(file, content);
  const problems = [...document.problems, ...checkConnections(document, kinds)];
  if (problems.length > 0) throw new CatalogueError(file, inOrder(problems));
  return { content, document, stores: createStores(environment, document.secretsFolder) };
}

/** In the order in which a user corrects the file. */
function inOrder(problems: readonly CatalogueProblem[]): CatalogueProblem[] {
  return [...problems].sort((one, other) => (one.line ?? 0) - (other.line ?? 0));
}

/** A file that was deleted was changed too, and is reported as missing when it is read. */
function isNewer(file: string, time: number): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > time;
}

/** @param why what else there is to say of one that isn't there */
function choose(
  connections: readonly Draft[],
  type: string,
  name: string | undefined,
  why: () => string,
): Draft {
  const ofType = connections.filter((draft) => draft.type === type);
  const known = ofType.map((draft) => draft.name).join(', ');
  if (ofType.length === 0)
    throw new CellError(`There is no connection of type ${type}. Add one to SPIN_CONNECTIONS.${why()}`);
  if (name !== undefined) {
    const found = ofType.find((draft) => draft.name === name);
    if (found === undefined)
      throw new CellError(`There is no ${type} connection of that name. Known: ${known}.${why()}`);
    return found;
  }
  const [only] = ofType;
  const chosen = ofType.find(({ isDefault }) => isDefault) ?? (ofType.length === 1 ? only : undefined);
  if (chosen === undefined)
    throw new CellError(
      `There are several ${type} connections and no default. Name one of ${known} after %%${type}.`,
    );
  return chosen;
}

/** @throws {CellError} for a reference that isn't set, or a value that doesn't fit */
function settingsOf(draft: Draft, stores: Stores, kinds: ReadonlyMap<string, ConnectionKind>): unknown {
  const values = withValues(draft.settings, (reference) => {
    const value = stores.get(reference);
    if (value !== undefined && value.reveal() !== '') return value;
    throw new CellError(
      `The connection ${draft.name} needs {{${reference}}}, which is not set where the gateway runs.`,
    );
  });
  const checked = kinds.get(draft.type)?.settings.safeParse(values);
  if (checked?.success) return checked.data;
  const fields = checked?.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
  throw new CellError(`The connection ${draft.name} can't be used: ${fields.join('; ')}.`);
}

function referencesOf(settings: unknown): string[] {
  return textsOf(settings).flatMap((text) => wholeReference(text) ?? []);
}

/** `runtime_env:X` and `secret:X` may be the same value, since an environment variable is a secret store too. */
function nameOf(reference: string): string {
  return reference.slice(reference.indexOf(':') + 1);
}
