import type { Pieces } from '../core/apart.js';
import { CellError } from '../core/cell-error.js';
import type { ColumnType, Page } from '../core/pages.js';
import { tableOfRecords } from '../core/records.js';
import { readJson } from '../http/json.js';

type Item = Readonly<Record<string, unknown>>;

export interface TableAsked {
  readonly command: string;
  /** The folder that the names are below; empty for all. */
  readonly within: string;
  /** Rows. */
  readonly limit: number;
  /** Also what has not failed. */
  readonly all: boolean;
}

/** Folders in folders are asked for down to here. */
const DEEPEST = 5;
const BUILD = 'number,result,timestamp,duration,building,url';
const JOB = `name,url,color,inQueue,lastBuild[${BUILD}],lastCompletedBuild[${BUILD}],lastSuccessfulBuild[number,timestamp]`;

/** What is asked for: only the members that a table has. Source: https://www.jenkins.io/doc/book/using/remote-access-api/ */
export const TREES = {
  jobs: jobsTree(DEEPEST),
  builds: `builds[${BUILD},actions[causes[shortDescription],parameters[name,value]]]`,
  queue: 'items[id,why,inQueueSince,stuck,blocked,buildable,task[name,url],params]',
  nodes:
    'computer[displayName,offline,temporarilyOffline,offlineCauseReason,idle,numExecutors,executors[currentExecutable[url]]]',
  tests: testsTree(),
} as const;

const TYPES: Readonly<Record<string, ColumnType>> = {
  time: 'time',
  since: 'time',
  last_success: 'time',
};

/** A work for `apart`: any of the tables. */
export function* tableOfAnswer(pieces: Pieces, argument: unknown): Generator<Page> {
  const asked = argument as TableAsked;
  const json = readJson(pieces);
  if (typeof json !== 'object' || json === null)
    throw new CellError("The answer is not from Jenkins: is the connection's url right?");
  const { rows, note } = (tables[asked.command] ?? jobs)(json as Item, asked);
  const shown = rows.slice(0, asked.limit);
  yield* tableOfRecords(shown, { types: TYPES, isLast: (column) => column === 'url' });
  const cut =
    shown.length < rows.length
      ? `The first ${shown.length.toLocaleString('en')} of ${rows.length.toLocaleString('en')} rows: ask for more with --limit.`
      : '';
  yield { kind: 'end', note: [note, cut].filter((text) => text !== '').join(' ') };
}

interface Table {
  readonly rows: readonly object[];
  readonly note: string;
}

const tables: Readonly<Record<string, (json: Item, asked: TableAsked) => Table>> = {
  jobs,
  failures,
  builds: (json) => ({
    rows: listOf(json.builds).map((build) => ({ ...buildRow(build), ...causesOf(build) })),
    note: '',
  }),
  queue: (json) => {
    const rows = listOf(json.items).map(
      ({ id, why, inQueueSince, stuck, blocked, buildable, task, params }) => ({
        id,
        job: item(task).name,
        why,
        since: microseconds(inQueueSince),
        stuck,
        blocked,
        buildable,
        parameters: params === '' ? null : params,
        url: item(task).url,
      }),
    );
    return { rows, note: rows.length === 0 ? 'The queue is empty.' : '' };
  },
  nodes: (json) => {
    const rows = listOf(json.computer).map((node) => ({
      node: node.displayName,
      state:
        node.offline !== true ? 'online' : node.temporarilyOffline === true ? 'taken offline' : 'offline',
      why: node.offlineCauseReason === '' ? null : (node.offlineCauseReason ?? null),
      executors: node.numExecutors,
      busy: listOf(node.executors).filter(({ currentExecutable }) => Object(currentExecutable).url).length,
    }));
    const offline = rows.filter(({ state }) => state !== 'online').length;
    // Those that need a person come first.
    rows.sort((a, b) => Number(a.state === 'online') - Number(b.state === 'online'));
    return { rows, note: offline === 0 ? '' : `${offline} of ${rows.length} are offline.` };
  },
  tests,
};

function jobs(json: Item, { within }: TableAsked): Table {
  const rows = jobsIn(json, within).map(({ name, job }) => ({
    job: name,
    state: stateOf(job),
    ...lastBuildOf(job.lastBuild),
    last_success: microseconds(item(job.lastSuccessfulBuild).timestamp),
    in_queue: job.inQueue ?? null,
    url: job.url,
  }));
  return { rows, note: rows.length === 0 ? 'There is no job that the connection may see.' : '' };
}

/** Jobs whose last completed build is no success, the latest first. */
function failures(json: Item, { within }: TableAsked): Table {
  const all = jobsIn(json, within);
  const failed = all.filter(({ job }) => {
    const { result } = item(job.lastCompletedBuild);
    return typeof result === 'string' && result !== 'SUCCESS' && result !== 'NOT_BUILT';
  });
  const rows = failed
    .map(({ name, job }) => ({
      job: name,
      ...buildRow(item(job.lastCompletedBuild)),
      last_success: microseconds(item(job.lastSuccessfulBuild).timestamp),
      running: item(job.lastBuild).building === true,
      url: item(job.lastCompletedBuild).url,
    }))
    .sort((a, b) => Number(b.time ?? 0) - Number(a.time ?? 0));
  return { rows, note: `The last build of ${rows.length} of ${all.length} jobs was no success.` };
}

/** The failed cases of a report, or all; those that failed first come first. */
function tests(json: Item, { all }: TableAsked): Table {
  const reports =
    json.suites !== undefined ? [json] : listOf(json.childReports).map(({ result }) => item(result));
  const cases = reports.flatMap(({ suites }) =>
    listOf(suites).flatMap((suite) => listOf(suite.cases).map((each) => ({ suite, each }))),
  );
  const has = (status: string) => /^(?:FAILED|REGRESSION)$/.test(status);
  const found = cases.map(({ suite, each }) => ({
    test: [each.className, each.name].filter((part) => typeof part === 'string' && part !== '').join('.'),
    status: String(each.status ?? ''),
    failing_builds: has(String(each.status)) ? each.age : null,
    seconds: each.duration,
    error: each.errorDetails ?? null,
    stack: each.errorStackTrace ?? null,
    suite: suite.name,
  }));
  const failed = found.filter(({ status }) => has(status));
  const count = (status: string) => found.filter((each) => each.status === status).length;
  const note = `${failed.length} failed, ${count('SKIPPED')} skipped, ${count('PASSED') + count('FIXED')} passed.`;
  const others = all ? found.filter(({ status }) => !has(status)) : [];
  return { rows: [...failed, ...others], note: all ? note : `${note} All of them: --all.` };
}

function jobsIn(json: Item, within: string): { name: string; job: Item }[] {
  return listOf(json.jobs).flatMap((job) => {
    const name = within === '' ? String(job.name) : `${within}/${String(job.name)}`;
    // A folder has jobs, and no colour.
    return job.jobs === undefined ? [{ name, job }] : jobsIn(job, name);
  });
}

/** Jenkins tells a job's state by the colour of its ball. */
const STATES: Readonly<Record<string, string>> = {
  blue: 'success',
  green: 'success',
  red: 'failure',
  yellow: 'unstable',
  aborted: 'aborted',
  disabled: 'disabled',
  notbuilt: 'not built',
  grey: 'not built',
};

function stateOf({ color }: Item): string | null {
  if (typeof color !== 'string') return null;
  const base = color.replace(/_anime$/, '');
  const state = Object.hasOwn(STATES, base) ? (STATES[base] ?? base) : base;
  return color.endsWith('_anime') ? `${state}, running` : state;
}

function lastBuildOf(build: unknown) {
  const { build: number, result, time, seconds } = buildRow(item(build));
  return { build: number, result, time, seconds };
}

function buildRow({ number, result, timestamp, duration, building, url }: Item) {
  return {
    build: number ?? null,
    result: building === true ? 'running' : (result ?? null),
    time: microseconds(timestamp),
    seconds: building === true || typeof duration !== 'number' ? null : duration / 1000,
    url,
  };
}

function causesOf({ actions }: Item) {
  const all = listOf(actions);
  const causes = all
    .flatMap(({ causes }) => listOf(causes))
    .map((each) => String(each.shortDescription ?? ''));
  const parameters = all.flatMap(({ parameters }) => listOf(parameters));
  return {
    cause: causes.join('; ') || null,
    parameters:
      parameters.length === 0
        ? null
        : parameters.map(({ name, value }) => `${String(name)}=${String(value ?? '')}`).join('\n'),
  };
}

function listOf(value: unknown): Item[] {
  return Array.isArray(value) ? value.map(item) : [];
}

function item(value: unknown): Item {
  return Object(value) as Item;
}

function microseconds(milliseconds: unknown): number | null {
  return typeof milliseconds === 'number' && milliseconds > 0 ? milliseconds * 1000 : null;
}

function jobsTree(depth: number): string {
  return depth === 0 ? `jobs[${JOB}]` : `jobs[${JOB},${jobsTree(depth - 1)}]`;
}

function testsTree(): string {
  const suites = 'suites[name,cases[className,name,status,age,duration,errorDetails,errorStackTrace]]';
  return `${suites},childReports[result[${suites}]]`;
}
