import { isMap, isScalar, LineCounter, type Pair, parseDocument, visit } from 'yaml';
import { CatalogueError, type CatalogueProblem } from './problem.js';

/** A connection as the file has it, with the lines that messages name. */
export interface Draft {
  readonly name: string;
  /** Empty: it isn't said, which is one of the {@link CatalogueDocument.problems}. */
  readonly type: string;
  readonly isDefault: boolean;
  /** Everything but `type` and `default`. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Counted from 1; without a field, or for one that isn't there: where the connection begins. */
  lineOf(field?: string): number;
}

/** The file's content. */
export interface CatalogueDocument {
  readonly connections: readonly Draft[];
  /** `secrets.folder`: where secrets are mounted, one file each. */
  readonly secretsFolder: string | undefined;
  /** What is wrong with the file's form, as far as its connections can be read all the same. */
  readonly problems: readonly CatalogueProblem[];
}

/** A name that is possible in a cell's first line. */
const NAME = /^[A-Za-z_][\w.-]*$/;

/**
 * Reads the YAML of the catalogue; what the fields of a connection may be is its processor's business.
 *
 * @param file path, for messages
 * @throws {CatalogueError} when it is no YAML, or nothing of a catalogue
 */
export function readDocument(file: string, content: string): CatalogueDocument {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const problems: CatalogueProblem[] = document.errors.map(({ pos, code, message }) => ({
    line: lines.linePos(pos[0]).line,
    sentence:
      code === 'TAG_RESOLVE_FAILED'
        ? TAG
        : isUnquoted(content, lines.linePos(pos[0]).line)
          ? QUOTES
          : withoutSource(message),
  }));
  const lineAt = (path: readonly string[]): number => {
    const node = document.getIn(path, true);
    const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined;
    return Array.isArray(range) ? lines.linePos(Number(range[0])).line : 1;
  };
  if (problems.length > 0) throw new CatalogueError(file, withoutRepetition(problems));

  visit(document, {
    Alias(_key, { range }) {
      const { line } = lines.linePos(range?.[0] ?? 0);
      problems.push({ line, sentence: ALIAS });
    },
  });
  if (problems.length > 0) throw new CatalogueError(file, problems);

  const top: unknown = document.toJS() ?? {};
  if (!isObject(top)) throw new CatalogueError(file, [{ line: 1, sentence: SHAPE }]);
  for (const key of Object.keys(top)) {
    if (key !== 'connections' && key !== 'secrets')
      problems.push({ line: keyLine(document.contents, key, lines), sentence: SHAPE });
  }
  const connections: Draft[] = [];
  for (const [name, value] of Object.entries(isObject(top.connections) ? top.connections : {})) {
    const begins = keyLine(document.getIn(['connections'], true), name, lines);
    const complain = (sentence: string, field?: string) =>
      problems.push({ line: field === undefined ? begins : lineAt(['connections', name, field]), sentence });
    if (!NAME.test(name)) complain(`“${name}” can't be typed in a cell: letters, digits, _, . and - only.`);
    if (!isObject(value)) {
      complain(`${name} needs a type, e.g. type: prometheus.`);
      continue;
    }
    const { type: written, default: isDefault = false, ...settings } = value;
    const type = typeof written === 'string' ? written : '';
    if (type === '')
      complain(`${name} needs a type, e.g. type: prometheus.`, 'type' in value ? 'type' : undefined);
    if (typeof isDefault !== 'boolean') complain(`${name}.default must be true or false.`, 'default');
    connections.push({
      name,
      type,
      isDefault: isDefault === true,
      settings,
      lineOf: (field) =>
        field !== undefined && field in value ? lineAt(['connections', name, field]) : begins,
    });
  }
  if (top.connections !== undefined && top.connections !== null && !isObject(top.connections))
    problems.push({ line: lineAt(['connections']), sentence: SHAPE });
  const secretsFolder = isObject(top.secrets) ? top.secrets.folder : undefined;
  if (top.secrets !== undefined && (typeof secretsFolder !== 'string' || !secretsFolder.startsWith('/')))
    problems.push({ line: lineAt(['secrets']), sentence: 'secrets needs folder: and an absolute path.' });
  return {
    connections,
    secretsFolder: typeof secretsFolder === 'string' ? secretsFolder : undefined,
    problems,
  };
}

const SHAPE =
  'The file may contain “connections:”, with a name and settings for each connection, and “secrets:”. Nothing else.';

/** Without quotes YAML takes braces for a map in a map. */
export const QUOTES =
  'Put a reference in quotes: "{{runtime_env:NAME}}" or "{{secret:NAME}}". Without quotes YAML reads {{ as something else.';

const ALIAS = 'A value that begins with * is an alias in YAML: put it in quotes.';
const TAG = 'A value that begins with ! is a tag in YAML: put it in quotes.';

/** Some of YAML's own messages quote the source text, which may be a credential. */
function withoutSource(message: string): string {
  return message.replace(/(?<=\S): .*$|(?<=escape sequence) .*$/s, '');
}

/** Whether a value of that line begins with a reference, and with no quote before it. */
function isUnquoted(content: string, line: number): boolean {
  return /(?:^|[:,[-])\s*\{\{/.test(content.split('\n')[line - 1] ?? '');
}

/** YAML stumbles over one mistake in several places of a line. */
function withoutRepetition(problems: readonly CatalogueProblem[]): CatalogueProblem[] {
  return problems.filter(
    ({ line, sentence }, at) =>
      problems.findIndex((other) => other.line === line && other.sentence === sentence) === at,
  );
}

function keyLine(map: unknown, key: string, lines: LineCounter): number {
  if (!isMap(map)) return 1;
  const pair = (map.items as Pair[]).find((item) => isScalar(item.key) && String(item.key.value) === key);
  const range = isScalar(pair?.key) ? pair.key.range : undefined;
  return range ? lines.linePos(range[0]).line : 1;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
