import type { Page } from '../core/pages.js';
import type { Json } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import type { TimeRange } from '../core/time-range.js';
import { type GrafanaJob, read } from './requests.js';
import { readSources } from './sources.js';

type Members = Readonly<Record<string, unknown>>;

/** Of a search: https://grafana.com/docs/grafana/latest/developers/http_api/folder_dashboard_search/ */
const PAGE = 1_000;
const MOST_PAGES = 10;
const MOST_ANNOTATIONS = 1_000;

/** @param text a part of their titles; empty: all */
export async function* listDashboards(job: GrafanaJob, text: string): AsyncGenerator<Page> {
  const origin = new URL(job.settings.url).origin;
  const found: object[] = [];
  let isWhole = false;
  for (let page = 1; page <= MOST_PAGES && !isWhole; page++) {
    const parameters = new URLSearchParams({ type: 'dash-db', limit: String(PAGE), page: String(page) });
    if (text !== '') parameters.set('query', text);
    const answer = membersOf(yield* read(job, 'api/search', parameters));
    for (const { title, folderTitle, tags, uid, url } of answer)
      found.push({ title, folder: folderTitle ?? null, tags, uid, link: `${origin}${String(url)}` });
    isWhole = answer.length < PAGE;
    if (!isWhole) yield { kind: 'progress', text: `${found.length.toLocaleString('en')} dashboards` };
  }
  yield* tableOfRecords(found);
  yield {
    kind: 'end',
    ...(!isWhole && {
      note: `First ${found.length.toLocaleString('en')} dashboards: name a part of the title.`,
    }),
  };
}

/** The rules that Grafana itself evaluates, those that fire first: https://grafana.com/docs/grafana/latest/alerting/ */
export async function* listRules(job: GrafanaJob): AsyncGenerator<Page> {
  const { data } = Object(yield* read(job, 'api/prometheus/grafana/api/v1/rules')) as { data?: unknown };
  const rules = membersOf(Object(data).groups).flatMap((group) =>
    membersOf(group.rules).map((rule) => recordOf(job.settings.url, group, rule)),
  );
  const rank = ({ state }: { readonly state: Json }) => {
    const at = STATES.indexOf(String(state));
    return at < 0 ? STATES.length : at;
  };
  yield* tableOfRecords(
    rules.sort((a, b) => rank(a) - rank(b)),
    { types: { activeAt: 'time' } },
  );
  yield { kind: 'end', summary: `${job.settings.url.replace(/\/$/, '')}/alerting/list` };
}

const STATES = ['firing', 'alerting', 'pending', 'recovering', 'nodata', 'error', 'inactive'];

function recordOf(url: string, group: Members, rule: Members) {
  const alerts = membersOf(rule.alerts);
  const times = alerts.map(({ activeAt }) => Date.parse(String(activeAt))).filter((time) => time > 0);
  const { summary = null } = Object(rule.annotations) as { summary?: Json };
  return {
    state: rule.state as Json,
    name: rule.name as Json,
    summary,
    folder: (group.file ?? null) as Json,
    group: group.name as Json,
    alerts: alerts.length,
    activeAt: times.length > 0 ? Math.min(...times) * 1000 : null,
    health: rule.health as Json,
    lastError: (rule.lastError ?? null) as Json,
    labels: rule.labels as Json,
    link:
      typeof rule.uid === 'string'
        ? `${url.replace(/\/$/, '')}/alerting/grafana/${encodeURIComponent(rule.uid)}/view`
        : null,
  };
}

export async function* listSources(job: GrafanaJob): AsyncGenerator<Page> {
  const sources = yield* readSources(job);
  yield* tableOfRecords(sources.map(({ name, type, uid, isDefault }) => ({ name, type, uid, isDefault })));
  yield { kind: 'end' };
}

/** Source: https://grafana.com/docs/grafana/latest/developers/http_api/annotations/ */
export async function* listAnnotations(job: GrafanaJob, { start, end }: TimeRange): AsyncGenerator<Page> {
  const parameters = new URLSearchParams({
    from: String(Math.round(start)),
    to: String(Math.round(end)),
    limit: String(MOST_ANNOTATIONS),
  });
  const found = membersOf(yield* read(job, 'api/annotations', parameters));
  yield* tableOfRecords(
    found.map(({ time, timeEnd, text, tags, dashboardUID, panelId, login, id }) => ({
      time: microseconds(time),
      timeEnd: microseconds(timeEnd),
      text,
      tags,
      dashboardUID: dashboardUID ?? null,
      panelId: panelId ?? null,
      login: login ?? null,
      id,
    })),
    { types: { time: 'time', timeEnd: 'time' } },
  );
  const isCut = found.length >= MOST_ANNOTATIONS;
  yield {
    kind: 'end',
    ...(isCut && { note: `First ${MOST_ANNOTATIONS.toLocaleString('en')} annotations: ask for less time.` }),
  };
}

function microseconds(ms: unknown): Json {
  return typeof ms === 'number' && ms > 0 ? ms * 1000 : null;
}

function membersOf(list: unknown): Members[] {
  return (Array.isArray(list) ? list : []).map((each) => Object(each) as Members);
}
