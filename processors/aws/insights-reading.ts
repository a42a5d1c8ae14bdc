import { type Pieces, sizeOf } from '../core/apart.js';
import { usualStep } from '../core/chart/line.js';
import { type Series, timeSeriesChart } from '../core/chart/time-series.js';
import type { ColumnType, Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { tableOfBatches } from '../core/records.js';
import type { Json } from '../core/value.js';
import { readJson } from '../http/json.js';

/** Where a query stands: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html */
export interface InsightsRead {
  readonly status: string;
  readonly rows: number;
  readonly scannedBytes: number;
  readonly scannedRecords: number;
  readonly matchedRecords: number;
}

/** The results of one cell: of several queries where its time was split. */
export interface InsightsResults {
  /** Of each query's answer, in bytes. */
  readonly sizes: readonly number[];
  /** Rows in all. */
  readonly most: number;
  readonly title: string;
  /** Sentences to show below. */
  readonly notes: readonly string[];
  readonly displays: readonly Readonly<Record<string, Json>>[];
}

type Row = Readonly<Record<string, string>>;

const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/;
/** Milliseconds since 1970, as other servers with AWS's API write them. */
const CLOCK = /^\d{13}$/;
const CLOCKS = new Set(['@timestamp', '@ingestionTime']);
/** Whole numbers that JavaScript has exactly, and no identifiers with zeros before them. */
const NUMBER = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,17})?(?:E-?\d{1,3})?$/;
/** Text, whatever it looks like. */
const TEXTS = new Set(['@message', '@logStream', '@log', '@ptr', '@requestId']);

/** A work for `apart`. @throws {CellError} */
export function* readInsights(pieces: Pieces): Generator<InsightsRead> {
  const { status, results, statistics } = answerIn(pieces);
  const { bytesScanned, recordsScanned, recordsMatched } = Object(statistics) as Record<string, unknown>;
  yield {
    status,
    rows: results.length,
    scannedBytes: Number(bytesScanned ?? 0),
    scannedRecords: Number(recordsScanned ?? 0),
    matchedRecords: Number(recordsMatched ?? 0),
  };
}

/** A work for `apart`: the rows of all answers as one table, each event once. */
export function* tableOfInsights(pieces: Pieces, argument: unknown): Generator<Page> {
  const { sizes, most, title, notes, displays } = argument as InsightsResults;
  const bytes = Buffer.concat(pieces, sizeOf(pieces));
  let total = 0;
  let isCut = false;
  function* batches(): Generator<Row[]> {
    const seen = new Set<string>();
    total = 0;
    let start = 0;
    for (const size of sizes) {
      // Parts of the time meet in one second, whose events both have.
      const rows = rowsIn([bytes.subarray(start, start + size)]).filter((row) => {
        const pointer = row['@ptr'];
        if (pointer === undefined || sizes.length === 1) return true;
        if (seen.has(pointer)) return false;
        seen.add(pointer);
        return true;
      });
      start += size;
      const taken = rows.slice(0, most - total);
      isCut ||= taken.length < rows.length;
      total += taken.length;
      yield taken;
    }
  }
  const types = typesOf(batches());
  const series = new Map<string, Series & { readonly points: [number, number][] }>();
  yield* tableOfBatches(
    function* () {
      series.clear();
      for (const rows of batches()) {
        yield rows.map((row) => {
          const shown = shownRow(row, types);
          addPoints(series, row, types);
          return shown;
        });
      }
    },
    {
      isLast: (column) => column === '@message',
      types: Object.fromEntries([...types].filter(([, type]) => type === 'time')),
    },
  );
  const chart = chartOf([...series.values()], title);
  const cut = isCut ? [`Only the first ${most.toLocaleString('en')} rows (--limit).`] : [];
  yield {
    kind: 'end',
    note: [...cut, ...notes, chart.note].filter((note) => note !== '').join(' '),
    displays: [...chart.displays, ...displays],
  };
}

function answerIn(pieces: Pieces): { status: string; results: unknown[]; statistics: unknown } {
  const { status, results, statistics } = Object(readJson(pieces)) as Record<string, unknown>;
  if (typeof status !== 'string' || !Array.isArray(results))
    throw new CellError("The answer to GetQueryResults is not from AWS: is the connection's url right?");
  return { status, results, statistics };
}

function rowsIn(pieces: Pieces): Row[] {
  return answerIn(pieces).results.map((row) =>
    Object.fromEntries(
      (Array.isArray(row) ? row : []).map((cell) => {
        const { field, value } = Object(cell) as Record<string, unknown>;
        return [String(field), String(value ?? '')];
      }),
    ),
  );
}

/** All values of Logs Insights are text: a column has another type where each of its values allows it. */
function typesOf(batches: Iterable<readonly Row[]>): Map<string, ColumnType> {
  const types = new Map<string, ColumnType>();
  for (const rows of batches) {
    for (const row of rows) {
      for (const [name, value] of Object.entries(row)) {
        if (name === '@ptr' || value === '' || types.get(name) === 'text') continue;
        const type = kindOf(name, value);
        types.set(name, (types.get(name) ?? type) === type ? type : 'text');
      }
    }
  }
  return types;
}

function kindOf(name: string, value: string): ColumnType {
  if (TEXTS.has(name)) return 'text';
  if (TIME.test(value) || (CLOCKS.has(name) && CLOCK.test(value))) return 'time';
  return NUMBER.test(value) ? 'number' : 'text';
}

function millisecondsOf(time: string): number {
  return CLOCK.test(time) ? Number(time) : Date.parse(`${time.replace(' ', 'T')}Z`);
}

function shownRow(row: Row, types: ReadonlyMap<string, ColumnType>): Record<string, Json> {
  const { '@ptr': _, ...shown } = row;
  return Object.fromEntries(
    Object.entries(shown).map(([name, value]) => {
      const type = types.get(name);
      if (value === '' && type !== 'text') return [name, null];
      if (type === 'time') return [name, `${millisecondsOf(value)}000`];
      if (name === '@message') return [name, value.replace(/\r?\n$/, '')];
      return [name, type === 'number' ? Number(value) : value];
    }),
  );
}

/** `stats … by bin(5m)` gives values over time. */
function addPoints(
  series: Map<string, Series & { readonly points: [number, number][] }>,
  row: Row,
  types: ReadonlyMap<string, ColumnType>,
): void {
  const bin = Object.keys(row).find((name) => /^bin\(/i.test(name) && types.get(name) === 'time');
  if (bin === undefined) return;
  const names = Object.keys(row);
  const labels = Object.fromEntries(
    names.filter((name) => types.get(name) === 'text').map((name) => [name, row[name] ?? '']),
  );
  for (const metric of names.filter((name) => types.get(name) === 'number')) {
    const key = JSON.stringify([metric, labels]);
    const known = series.get(key) ?? { metric, labels, points: [] };
    series.set(key, known);
    known.points.push([millisecondsOf(row[bin] ?? ''), Number(row[metric])]);
  }
}

function chartOf(series: readonly (Series & { readonly points: [number, number][] })[], title: string) {
  for (const { points } of series) points.sort(([one], [other]) => one - other);
  const times = series.flatMap(({ points }) => [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0]);
  return timeSeriesChart(series, title, {
    start: times.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    end: times.reduce((a, b) => Math.max(a, b), 0),
    step: usualStep(series.map(({ points }) => points)),
  });
}
