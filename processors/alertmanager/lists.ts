import { apart, type Pieces } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { Page } from '../core/pages.js';
import type { Json } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import { askForMuch, askPatiently } from '../http/service.js';
import { type Matcher, writeMatcher } from './matchers.js';
import { type AlertmanagerSettings, notAlertmanager, readAnswer } from './requests.js';
import { pageOf } from './ui.js';

/** Of the receivers, in bytes. */
const LARGEST = 1024 * 1024;

export interface AlertsAsked {
  readonly silenced: boolean;
  readonly inhibited: boolean;
}

/** The alerts that are active, the newest first. */
export async function* listAlerts(
  job: Job<AlertmanagerSettings>,
  matchers: readonly Matcher[],
  { silenced, inhibited }: AlertsAsked,
): AsyncGenerator<Page> {
  const asked = { silenced: String(silenced), inhibited: String(inhibited) };
  const parameters = new URLSearchParams({ active: 'true', ...asked, unprocessed: 'false' });
  const filters = matchers.map(writeMatcher);
  for (const filter of filters) parameters.append('filter', filter);
  yield* table(job, 'api/v2/alerts', parameters, 'tableOfAlerts', {});
  yield { kind: 'end', summary: pageOf(job.settings.url, 'alerts', filters, asked) };
}

/** The silences that hold or will, the one that ends first at the top. */
export async function* listSilences(
  job: Job<AlertmanagerSettings>,
  matchers: readonly Matcher[],
  isExpired: boolean,
): AsyncGenerator<Page> {
  const filters = matchers.map(writeMatcher);
  const parameters = new URLSearchParams();
  for (const filter of filters) parameters.append('filter', filter);
  yield* table(job, 'api/v2/silences', parameters, 'tableOfSilences', { isExpired });
  yield { kind: 'end', summary: pageOf(job.settings.url, 'silences', filters) };
}

export async function* listReceivers(job: Job<AlertmanagerSettings>): AsyncGenerator<Page> {
  const { status, body } = yield* askPatiently(job, {
    method: 'GET',
    path: 'api/v2/receivers',
    largest: LARGEST,
  });
  yield* tableOfRecords(listIn(status, [Buffer.from(body)]));
  yield { kind: 'end' };
}

async function* table(
  job: Job<AlertmanagerSettings>,
  path: string,
  parameters: URLSearchParams,
  name: string,
  more: object,
): AsyncGenerator<Page> {
  const { status, pieces } = yield* askForMuch(job, { method: 'GET', path, parameters });
  const work = { module: new URL(import.meta.url), name, argument: { status, ...more } };
  yield* apart<Page>(pieces, work, job.signal);
}

type Texts = Readonly<Record<string, Json>>;

/** Columns of an alert that aren't labels, first those that come before all others. */
const FIRST = ['state', 'startsAt'];
const LAST = ['endsAt', 'receivers', 'silencedBy', 'inhibitedBy', 'generatorURL', 'fingerprint'];
const OWN = new RegExp(`^(?:label_)*(?:${[...FIRST, ...LAST].join('|')})$`);
/** Labels and annotations that a reader looks for first. */
const WANTED = ['alertname', 'severity'];

/** A work for `apart`. @throws {CellError} what Alertmanager said */
export function* tableOfAlerts(pieces: Pieces, argument: unknown): Generator<Page> {
  const alerts = listIn((argument as { status: number }).status, pieces);
  const started = (alert: object) => timeOf((alert as Texts).startsAt) ?? 0;
  alerts.sort((a, b) => Number(started(b)) - Number(started(a)));
  const labels = new Set(alerts.flatMap(({ labels }) => Object.keys(Object(labels))));
  const columnOf = (label: string) => (OWN.test(label) ? `label_${label}` : label);
  const taken = new Set([...FIRST, ...LAST, ...[...labels].map(columnOf)]);
  const records = alerts.map(({ labels, annotations, status, receivers, startsAt, endsAt, ...alert }) => {
    const { state, silencedBy, inhibitedBy } = Object(status) as Texts;
    const names = Object.keys(Object(labels));
    const sorted = [
      ...WANTED.filter((name) => names.includes(name)),
      ...names.filter((name) => !WANTED.includes(name)),
    ];
    const texts = sorted.map((name) => [columnOf(name), Object(labels)[name] as Json]);
    const notes = Object.entries(Object(annotations) as Texts).map(([name, text]) => [
      taken.has(name) ? `annotation_${name}` : name,
      text,
    ]);
    return {
      state,
      startsAt: timeOf(startsAt),
      ...Object.fromEntries([...texts, ...notes]),
      endsAt: timeOf(endsAt),
      receivers: Array.isArray(receivers) ? receivers.map((each) => String(Object(each).name)) : [],
      silencedBy,
      inhibitedBy,
      generatorURL: alert.generatorURL,
      fingerprint: alert.fingerprint,
    };
  });
  yield* tableOfRecords(records, {
    types: { startsAt: 'time', endsAt: 'time' },
    isLast: (column) => LAST.includes(column),
  });
  if (records.length === 0) yield { kind: 'note', text: 'No alert is active.' };
}

/** A work for `apart`. @throws {CellError} what Alertmanager said */
export function* tableOfSilences(pieces: Pieces, argument: unknown): Generator<Page> {
  const { status, isExpired } = argument as { status: number; isExpired: boolean };
  const all = listIn(status, pieces).map((each) => ({ ...each, state: Object(each.status).state as Json }));
  const shown = all.filter(({ state }) => isExpired || state !== 'expired');
  const records = shown
    .map((silence) => recordOf(silence))
    .sort(
      (a, b) =>
        RANKS.indexOf(String(a.state)) - RANKS.indexOf(String(b.state)) ||
        Number(a.endsAt) - Number(b.endsAt),
    );
  yield* silenceTable(records);
  const hidden = all.length - shown.length;
  if (hidden > 0)
    yield {
      kind: 'note',
      text: `${hidden} expired ${hidden === 1 ? 'silence is' : 'silences are'} not shown: --expired.`,
    };
}

const RANKS = ['active', 'pending', 'expired'];

export function silenceTable(records: readonly object[]): Generator<Page> {
  return tableOfRecords(records, {
    types: { startsAt: 'time', endsAt: 'time', matchers: 'text', comment: 'text' },
  });
}

function recordOf(silence: Record<string, unknown> & { state: Json }) {
  const matchers = Array.isArray(silence.matchers) ? silence.matchers : [];
  return {
    state: silence.state,
    matchers: matchers.map((each) => writeMatcher(matcherOf(each))).join(', '),
    startsAt: timeOf(silence.startsAt),
    endsAt: timeOf(silence.endsAt),
    createdBy: silence.createdBy as Json,
    comment: silence.comment as Json,
    id: silence.id as Json,
  };
}

/** An older Alertmanager has no `isEqual`. */
function matcherOf(given: unknown): Matcher {
  const { name, value, isRegex, isEqual = true } = Object(given) as Record<string, unknown>;
  return { name: String(name), value: String(value), isRegex: isRegex === true, isEqual: isEqual !== false };
}

/** @throws {CellError} */
export function listIn(status: number, pieces: Pieces): Record<string, unknown>[] {
  const answer = readAnswer(status, pieces);
  if (!Array.isArray(answer)) throw notAlertmanager(status);
  return answer.map((each) => Object(each) as Record<string, unknown>);
}

/** Microseconds; null for what is no time. */
function timeOf(value: unknown): Json {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isFinite(time) ? time * 1000 : null;
}
