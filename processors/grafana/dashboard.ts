import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import type { TimeRange } from '../core/time-range.js';
import type { Given, PanelAddress } from './panel-url.js';
import { type GrafanaJob, notGrafana, read } from './requests.js';
import { grafanaTime } from './times.js';
import type { Variable } from './variables.js';

type Members = Readonly<Record<string, unknown>>;

/** A panel of a dashboard, of rows and libraries too. */
export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly model: Members;
}

export interface Dashboard {
  readonly title: string;
  /** Of its page, below the connection's URL. */
  readonly path: string;
  readonly panels: readonly Panel[];
  readonly model: Members;
}

const ALL = '$__all';

/** Source: https://grafana.com/docs/grafana/latest/developers/http_api/dashboard/#get-dashboard-by-uid */
export async function* readDashboard(job: GrafanaJob, uid: string): AsyncGenerator<Page, Dashboard> {
  const answer = Object(yield* read(job, `api/dashboards/uid/${uid}`)) as Members;
  const model = answer.dashboard;
  if (typeof model !== 'object' || model === null) throw notGrafana(200);
  const members = model as Members;
  const { url } = Object(answer.meta) as { url?: unknown };
  return {
    title: String(members.title ?? ''),
    path: typeof url === 'string' ? url : `/d/${uid}`,
    panels: panelsIn(members.panels),
    model: members,
  };
}

function panelsIn(panels: unknown): Panel[] {
  if (!Array.isArray(panels)) return [];
  return panels.flatMap((each): Panel[] => {
    const model = Object(each) as Members;
    // A row that is folded contains its panels.
    if (model.type === 'row') return panelsIn(model.panels);
    return [
      { id: Number(model.id), title: String(model.title ?? ''), type: String(model.type ?? ''), model },
    ];
  });
}

/** The panel with its queries, which may be those of a library panel or of another panel. */
export async function* readPanel(
  job: GrafanaJob,
  { panels }: Dashboard,
  id: number,
): AsyncGenerator<Page, Panel> {
  const found = panels.find((panel) => panel.id === id);
  if (found === undefined)
    throw new CellError(
      `This dashboard has no panel ${id}. Leave out viewPanel in the address to list its panels.`,
    );
  const panel = yield* withLibrary(job, found);
  const { targets } = panel.model;
  const { panelId } = Object(Array.isArray(targets) ? targets[0] : undefined) as { panelId?: unknown };
  if (sourceOf(panel.model) !== '-- Dashboard --' || typeof panelId !== 'number') return panel;
  const other = panels.find((each) => each.id === panelId);
  if (other === undefined || other.id === id)
    throw new CellError(`Panel ${id} shows the result of panel ${panelId}, which this dashboard hasn't.`);
  const { model } = yield* withLibrary(job, other);
  return { ...panel, model: { ...panel.model, targets: model.targets, datasource: model.datasource } };
}

async function* withLibrary(job: GrafanaJob, panel: Panel): AsyncGenerator<Page, Panel> {
  const { uid } = Object(panel.model.libraryPanel) as { uid?: unknown };
  if (typeof uid !== 'string' || Array.isArray(panel.model.targets)) return panel;
  const answer = Object(yield* read(job, `api/library-elements/${encodeURIComponent(uid)}`)) as Members;
  const { model } = Object(answer.result) as { model?: unknown };
  return { ...panel, model: { ...panel.model, ...(Object(model) as Members) } };
}

/** UID or name of a data source; of old dashboards the name alone. */
export function sourceOf({ datasource }: Members): string | undefined {
  if (typeof datasource === 'string') return datasource;
  const { uid } = Object(datasource) as { uid?: unknown };
  return typeof uid === 'string' ? uid : undefined;
}

/** The time that the address, else the panel, else the dashboard asks for. In milliseconds. */
export function timeOfPanel(
  { from, to }: PanelAddress,
  { model }: Dashboard,
  panel: Panel,
  now: number,
): TimeRange {
  const saved = Object(model.time) as { from?: unknown; to?: unknown };
  const ask = (text: string | undefined, other: unknown, usual: string, isEnd: boolean) =>
    grafanaTime(text ?? (typeof other === 'string' ? other : usual), isEnd, now);
  const end = ask(to, saved.to, 'now', true);
  const start = ask(from, saved.from, 'now-6h', false);
  const { timeFrom, timeShift } = panel.model;
  const length = timeFrom === undefined || timeFrom === null ? undefined : spanOf(timeFrom, now);
  const shift = timeShift === undefined || timeShift === null ? 0 : (spanOf(timeShift, now) ?? 0);
  return { start: (length === undefined ? start : end - length) - shift, end: end - shift };
}

/** `6h` or `now-6h`. @returns milliseconds */
function spanOf(value: unknown, now: number): number | undefined {
  if (value === '') return undefined;
  const text = String(value);
  return now - grafanaTime(text.startsWith('now') ? text : `now-${text}`, false, now);
}

/** The dashboard's variables with the values of the address, else those that are saved with it. */
export function variablesOf({ model }: Dashboard, given: ReadonlyMap<string, Given>): Map<string, Variable> {
  const { list } = Object(model.templating) as { list?: unknown };
  const variables = new Map<string, Variable>();
  for (const each of Array.isArray(list) ? list : []) {
    const { name, type, current, options, multi, includeAll, allValue, query } = Object(each) as Members;
    if (typeof name !== 'string' || type === 'adhoc') continue;
    const saved = Object(current).value as unknown;
    const fixed = type === 'constant' || type === 'textbox' ? String(query ?? '') : undefined;
    const own = given.get(name);
    const values = own?.values ?? (saved === undefined ? [fixed ?? ''] : [saved].flat().map(String));
    const isMulti = multi === true || includeAll === true;
    const isFromKernel = own?.isFromKernel ?? false;
    const isAll =
      !isFromKernel &&
      (values.includes(ALL) || (includeAll === true && own?.values.includes('All') === true));
    if (!isAll) variables.set(name, { values, isMulti, isFromKernel, isWritten: false });
    else variables.set(name, { ...allOf(allValue, options), isMulti: true, isFromKernel: false });
  }
  // One that the dashboard hasn't got is no mistake: addresses are copied from one to another.
  return variables;
}

/** What "All" stands for: the dashboard's own text for it, else the values that are saved with it, else anything. */
function allOf(allValue: unknown, options: unknown): Pick<Variable, 'values' | 'isWritten'> {
  if (typeof allValue === 'string' && allValue !== '') return { values: [allValue], isWritten: true };
  const values = (Array.isArray(options) ? options : [])
    .map((option) => String(Object(option).value))
    .filter((value) => value !== ALL);
  return values.length > 0 ? { values, isWritten: false } : { values: ['.*'], isWritten: true };
}

/** What a panel's page does and this result doesn't. */
export function leftOut({ model }: Dashboard, panel: Panel, given: ReadonlyMap<string, Given>): string {
  const { list } = Object(model.templating) as { list?: unknown };
  const filters = (Array.isArray(list) ? list : []).filter(
    (each) =>
      Object(each).type === 'adhoc' &&
      (Object(each).filters?.length > 0 || given.has(String(Object(each).name))),
  );
  const { transformations } = panel.model;
  return [
    filters.length > 0 ? 'The ad-hoc filters of the dashboard are not applied.' : '',
    Array.isArray(transformations) && transformations.length > 0
      ? 'The transformations of the panel are not applied.'
      : '',
  ]
    .filter(Boolean)
    .join(' ');
}
