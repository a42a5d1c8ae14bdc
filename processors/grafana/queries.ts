import { apart } from '../core/apart.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import type { TimeRange } from '../core/time-range.js';
import type { Value } from '../core/value.js';
import {
  type Dashboard,
  leftOut,
  type Panel,
  readDashboard,
  readPanel,
  sourceOf,
  timeOfPanel,
  variablesOf,
} from './dashboard.js';
import type { FramesAsked } from './frames.js';
import { modelOf } from './own-query.js';
import { type PanelAddress, readPanelAddress } from './panel-url.js';
import { ask, type GrafanaJob } from './requests.js';
import { languageOf, mayQuery, readSources, type Source, sourceNamed } from './sources.js';
import { interpolate, interpolateAll } from './variables.js';

type Query = Readonly<Record<string, unknown>>;

/** As many points as a chart is wide, in pixels. */
const MOST_POINTS = 700;
const LEAST_INTERVAL_MS = 1_000;
const MOST_QUERIES = 50;
/** Data sources that are no real ones: expressions over other queries, and Grafana's own. */
const BUILT_IN: Readonly<Record<string, string>> = {
  __expr__: '__expr__',
  '-- Grafana --': 'datasource',
  grafana: 'datasource',
};

export interface PanelQuery {
  /** As the cell has it. */
  readonly address: string;
  readonly isRaw: boolean;
  /** In place of the address's own time, which it gets. */
  readonly times: (own: TimeRange, now: number) => TimeRange;
}

/** A panel's queries with the variables and the time of its address; or the panels of a dashboard. */
export async function* fetchPanel(
  job: GrafanaJob & { readonly values: ReadonlyMap<string, Value> },
  { address: text, isRaw, times }: PanelQuery,
): AsyncGenerator<Page> {
  const address = readPanelAddress(text, job.settings.url, job.values, isRaw);
  const dashboard = yield* readDashboard(job, address.uid);
  if (address.panel === undefined) return yield* panelTable(job, dashboard);
  const panel = yield* readPanel(job, dashboard, address.panel);
  const { targets } = panel.model;
  const all = (Array.isArray(targets) ? targets : []).map((each) => Object(each) as Query);
  if (all.length === 0)
    throw new CellError(`Panel ${panel.id} (${panel.type}) has no query: there is nothing to show.`);
  if (all.length > MOST_QUERIES)
    throw new CellError(
      `Panel ${panel.id} has more than ${MOST_QUERIES} queries. That is more than a cell sends.`,
    );
  const now = Date.now();
  const span = times(timeOfPanel(address, dashboard, panel, now), now);
  const queries = yield* queriesOf(job, dashboard, panel, all, address, span);
  yield* send(job, queries, {
    ...span,
    title: panel.title || dashboard.title,
    hidden: all.filter(({ hide }) => hide === true).map(({ refId }) => String(refId)),
    note: leftOut(dashboard, panel, address.variables),
    link: linkTo(job, dashboard, address, span),
  });
}

async function* queriesOf(
  job: GrafanaJob,
  dashboard: Dashboard,
  panel: Panel,
  targets: readonly Query[],
  address: PanelAddress,
  { start, end }: TimeRange,
): AsyncGenerator<Page, Query[]> {
  const variables = variablesOf(dashboard, address.variables);
  for (const [name, value] of [
    ['__from', start],
    ['__to', end],
  ] as const)
    variables.set(name, { values: [String(value)], isMulti: false, isFromKernel: false, isWritten: false });
  let known: Source[] | undefined;
  const queries: Query[] = [];
  for (const target of targets) {
    const own = sourceOf(target) ?? sourceOf(panel.model);
    const isMixed = own === '-- Mixed --';
    const wanted = own === undefined || isMixed ? undefined : interpolate(own, variables, 'words');
    let source = builtIn(wanted) ?? typed(target, wanted) ?? typed(panel.model, wanted);
    if (source === undefined) {
      known ??= yield* readSources(job);
      source = sourceNamed(known, wanted);
    }
    const { datasource: _, ...rest } = target;
    queries.push({
      ...(interpolateAll(rest, variables, languageOf(source.type)) as Query),
      ...usualKind(rest, source.type),
      datasource: { uid: source.uid, type: source.type },
    });
  }
  return queries;
}

function builtIn(wanted: string | undefined): Source | undefined {
  if (wanted === undefined || !Object.hasOwn(BUILT_IN, wanted)) return undefined;
  const type = BUILT_IN[wanted] ?? '';
  return { uid: wanted === '-- Grafana --' ? 'grafana' : wanted, name: wanted, type, isDefault: false };
}

/** A query says which data source it is for, with UID and type. */
function typed({ datasource }: Query, wanted: string | undefined): Source | undefined {
  const { uid, type } = Object(datasource) as { uid?: unknown; type?: unknown };
  if (uid !== wanted || typeof uid !== 'string' || typeof type !== 'string') return undefined;
  return { uid, name: uid, type, isDefault: false };
}

/** What Grafana's page adds to a query that doesn't say it. */
function usualKind({ instant, range, queryType }: Query, type: string): Query {
  if (languageOf(type) !== 'promql') return {};
  if (type === 'loki') return queryType === undefined ? { queryType: 'range' } : {};
  return instant === true || range === true ? {} : { range: true };
}

export interface SourceQuery extends TimeRange {
  /** Name or UID. */
  readonly source: string;
  readonly text: string;
  readonly isRaw: boolean;
}

/** A query of the cell's own, in the language of its data source. */
export async function* fetchSource(
  job: GrafanaJob & { readonly values: ReadonlyMap<string, Value> },
  { source: wanted, text, isRaw, start, end }: SourceQuery,
): AsyncGenerator<Page> {
  const source = sourceNamed(yield* readSources(job), wanted);
  mayQuery(source, job.settings.read_only);
  const model = modelOf(source.type, text, job.values, isRaw);
  const query = { ...model, datasource: { uid: source.uid, type: source.type }, refId: 'A' };
  const title = String(model.expr ?? model.query ?? source.name);
  const link = exploreLink(job, source, query, { start, end });
  yield* send(job, [query], { start, end, title, hidden: [], note: '', link });
}

/** Source: https://grafana.com/docs/grafana/latest/developers/http_api/data_source/#query-a-data-source */
async function* send(
  job: GrafanaJob,
  queries: readonly Query[],
  asked: Omit<FramesAsked, 'status'>,
): AsyncGenerator<Page> {
  const { start, end } = asked;
  const points = {
    intervalMs: Math.max(LEAST_INTERVAL_MS, Math.ceil((end - start) / MOST_POINTS)),
    maxDataPoints: MOST_POINTS,
  };
  const json = {
    queries: queries.map((query) => ({ ...points, ...query })),
    from: String(Math.round(start)),
    to: String(Math.round(end)),
  };
  const { status, pieces } = yield* ask(job, { method: 'POST', path: 'api/ds/query', json });
  const argument: FramesAsked = { ...asked, status };
  const work = { module: new URL('./frames.js', import.meta.url), name: 'tableOfFrames', argument };
  yield* apart<Page>(pieces, work, job.signal);
}

async function* panelTable({ settings }: GrafanaJob, { panels, path }: Dashboard): AsyncGenerator<Page> {
  const page = originOf(settings.url) + path;
  yield* tableOfRecords(
    panels.map(({ id, title, type, model }) => ({
      id,
      title,
      type,
      queries: Array.isArray(model.targets) ? model.targets.length : 0,
      link: `${page}?viewPanel=${id}`,
    })),
  );
  yield { kind: 'end', note: 'Use the link of a panel in a cell to run its queries.', summary: page };
}

/** The same panel with the same values and time. */
function linkTo(
  { settings }: GrafanaJob,
  { path }: Dashboard,
  { panel, variables }: PanelAddress,
  { start, end }: TimeRange,
): string {
  const parameters = new URLSearchParams();
  for (const [name, { values }] of variables)
    for (const value of values) parameters.append(`var-${name}`, value);
  parameters.set('from', String(Math.round(start)));
  parameters.set('to', String(Math.round(end)));
  parameters.set('viewPanel', String(panel));
  return `${originOf(settings.url)}${path}?${parameters}`;
}

/** A dashboard's path contains the one below which Grafana is served. */
function originOf(url: string): string {
  return new URL(url).origin;
}

/** Source: https://grafana.com/docs/grafana/latest/explore/get-started-with-explore/#generate-explore-urls-from-external-tools */
function exploreLink(
  { settings }: GrafanaJob,
  { uid }: Source,
  query: Query,
  { start, end }: TimeRange,
): string {
  const range = { from: String(Math.round(start)), to: String(Math.round(end)) };
  const panes = JSON.stringify({ a: { datasource: uid, queries: [query], range } });
  const parameters = new URLSearchParams({ schemaVersion: '1', panes });
  return `${settings.url.replace(/\/$/, '')}/explore?${parameters}`;
}
