import { CellError } from '../core/processor.js';
import { compoundName, isPlain, type Value } from '../core/value.js';
import { cut } from '../http/template.js';

/** The value of a dashboard's variable, as an address has it. */
export interface Given {
  readonly values: readonly string[];
  /** Whether a kernel variable is a part of it: then it may only be a value, never syntax (invariant S11). */
  readonly isFromKernel: boolean;
}

/** What the address of a dashboard or a panel says. */
export interface PanelAddress {
  readonly uid: string;
  /** Undefined: the whole dashboard. */
  readonly panel: number | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** By name. */
  readonly variables: ReadonlyMap<string, Given>;
}

/** `/d/UID/name` and, as it is embedded, `/d-solo/UID/name`. */
const PATH = /^\/d(?:-solo)?\/([\w-]{1,100})(?:\/[^/]*)?\/?$/;
/** References stand between these while the address is taken apart: no address contains them. */
const OPEN = '\ue000';
const CLOSE = '\ue001';

/**
 * @param text the address as the browser shows it, or from `/d/` on, with references in the values of its parameters
 * @param base of the connection
 * @throws {CellError} for anything else, and for another Grafana's
 */
export function readPanelAddress(
  text: string,
  base: string,
  kernel: ReadonlyMap<string, Value>,
  isRaw: boolean,
): PanelAddress {
  const references: string[] = [];
  const marked = cut(text.trim(), isRaw)
    .map((piece) =>
      typeof piece === 'string' ? piece : `${OPEN}${references.push(piece.reference) - 1}${CLOSE}`,
    )
    .join('');
  const below = base.replace(/\/$/, '');
  const whole = marked.startsWith('/d') ? `${below}${marked}` : marked;
  if (!URL.canParse(whole)) throw noAddress();
  const url = new URL(whole);
  const home = new URL(below);
  if (url.origin !== home.origin || !url.pathname.startsWith(home.pathname.replace(/\/$/, '')))
    throw new CellError(
      `This address is not one of the connection's Grafana, which is at ${below}. Choose the connection of that Grafana.`,
    );
  const uid = PATH.exec(url.pathname.slice(home.pathname.replace(/\/$/, '').length))?.[1];
  if (uid === undefined) throw noAddress();
  const filled = (value: string) => fill(value, references, kernel);
  const one = (name: string) => {
    const value = url.searchParams.get(name);
    return value === null ? undefined : filled(value).values.join(',');
  };
  const variables = new Map<string, Given>();
  for (const name of new Set(url.searchParams.keys())) {
    if (!name.startsWith('var-')) continue;
    const given = url.searchParams.getAll(name).map(filled);
    variables.set(name.slice('var-'.length), {
      values: given.flatMap(({ values }) => values),
      isFromKernel: given.some(({ isFromKernel }) => isFromKernel),
    });
  }
  const panel = one('viewPanel') ?? one('panelId') ?? one('editPanel') ?? one('inspect');
  return { uid, panel: numberOf(panel), from: one('from'), to: one('to'), variables };
}

/** A reference that is a whole value may be a list: the variable has several values then. */
function fill(value: string, references: readonly string[], kernel: ReadonlyMap<string, Value>): Given {
  const [, only] = /^\ue000(\d+)\ue001$/.exec(value) ?? [];
  const alone = only === undefined ? undefined : kernel.get(references[Number(only)] ?? '');
  if (alone?.type === 'list')
    return {
      values: alone.value.map((item) => plain(references[Number(only)] ?? '', item)),
      isFromKernel: true,
    };
  let isFromKernel = false;
  const text = value.replace(/\ue000(\d+)\ue001/g, (_, at: string) => {
    isFromKernel = true;
    const reference = references[Number(at)] ?? '';
    return plain(reference, kernel.get(reference));
  });
  return { values: [text], isFromKernel };
}

function plain(reference: string, value: Value | undefined): string {
  if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
  if (isPlain(value)) return String(value.value);
  throw new CellError(
    `{{${reference}}} is ${compoundName(value)}; only text, numbers, dates, and a list of them as a whole value can be used here.`,
  );
}

/** `4`, and `panel-4` of newer versions. */
function numberOf(panel: string | undefined): number | undefined {
  if (panel === undefined) return undefined;
  const number = /^(?:panel-)?(\d{1,9})$/.exec(panel)?.[1];
  if (number !== undefined) return Number(number);
  throw new CellError(
    'The address names a panel in a way that is not known. Open the panel alone (View) and copy its address.',
  );
}

function noAddress(): CellError {
  return new CellError(
    'This is not the address of a dashboard or panel: /d/UID/name?viewPanel=4. Copy it from the browser, or use --source for a query.',
  );
}
