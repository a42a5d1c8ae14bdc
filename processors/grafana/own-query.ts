import { CellError } from '../core/processor.js';
import { compoundName, isPlain, type Value } from '../core/value.js';
import { cut } from '../http/template.js';
import { renderLogql } from '../loki/logql.js';
import { renderPromql } from '../prometheus/promql.js';
import { languageOf } from './sources.js';
import { isHarmless, moreThanAValue } from './variables.js';

type Model = Readonly<Record<string, unknown>>;

const MOST_LINES = 1_000;
const MOST_TRACES = 100;

/** How the text of a cell becomes a query, by the data source's type. The members are those of its plug-in. */
const models: Readonly<Record<string, (text: string) => Model>> = {
  prometheus: (expr) => ({ expr, range: true, instant: false }),
  loki: (expr) => ({ expr, queryType: 'range', maxLines: MOST_LINES }),
  tempo: (query) => ({ query, queryType: 'traceql', limit: MOST_TRACES, tableType: 'traces' }),
  graphite: (target) => ({ target, textEditor: true }),
  influxdb: (query) => ({ query, rawQuery: true, resultFormat: 'time_series' }),
  sql: (rawSql) => ({ rawSql, rawQuery: true, format: 'table' }),
};

/**
 * The query that a cell asks of a data source: a JSON object is the query as the panel's JSON in Grafana shows it; other
 * text is in the language of the data source.
 *
 * @throws {CellError} for a value that could be more than a value, and for a type that takes JSON alone
 */
export function modelOf(
  type: string,
  text: string,
  values: ReadonlyMap<string, Value>,
  isRaw: boolean,
): Model {
  const render = (part: string) => (isRaw ? part : rendered(type, part, values));
  const object = objectIn(text);
  if (object !== undefined) return renderAll(object, render) as Model;
  const kind =
    languageOf(type) === 'sql'
      ? 'sql'
      : languageOf(type) === 'promql' && type !== 'loki'
        ? 'prometheus'
        : type;
  const model = Object.hasOwn(models, kind) ? models[kind] : undefined;
  if (model === undefined)
    throw new CellError(
      `How a query of the type ${type} is written is not known. Write it as JSON: in Grafana, see the panel's Inspect, Query.`,
    );
  return model(render(text));
}

function objectIn(text: string): object | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function renderAll(value: unknown, render: (text: string) => string): unknown {
  if (typeof value === 'string') return render(value);
  if (Array.isArray(value)) return value.map((each) => renderAll(each, render));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, renderAll(each, render)]));
}

function rendered(type: string, text: string, values: ReadonlyMap<string, Value>): string {
  const language = languageOf(type);
  // TraceQL's strings are PromQL's.
  if (type === 'loki') return renderLogql(text, values);
  if (language === 'promql' || type === 'tempo') return renderPromql(text, values);
  const pieces = cut(text);
  return pieces
    .map((piece, at) => {
      if (typeof piece === 'string') return piece;
      const value = values.get(piece.reference);
      if (value === undefined) throw new CellError(`{{${piece.reference}}} has no value.`);
      if (!isPlain(value))
        throw new CellError(
          `{{${piece.reference}}} is ${compoundName(value)}; only text, numbers and dates can be used here.`,
        );
      const [before, after] = [pieces[at - 1], pieces[at + 1]];
      const around = `${typeof before === 'string' ? before.at(-1) : ''}${typeof after === 'string' ? after[0] : ''}`;
      const written = String(value.value);
      if (!isHarmless(written, { language, isQuoted: around === "''" || around === '""' }))
        throw moreThanAValue(`{{${piece.reference}}}`);
      return written;
    })
    .join('');
}
