import { apart } from '../core/apart.js';
import type { TestJob } from '../core/connection.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import type { TimeRange } from '../core/time-range.js';
import { Listed } from '../http/listed.js';
import { askAzure, LOGS, MANAGEMENT } from './requests.js';
import type { AzureConnection, AzureJob } from './settings.js';

/** How long Azure may work on a query at most, in seconds; then it answers 504. */
const LONGEST_S = 600;
const GRAPH = '/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01';
/** Resource Graph gives no more rows at once. */
const GRAPH_ROWS = 1_000;
const LARGEST_TEST = 256 * 1024;

/** KQL over a workspace. @param range undefined: the query says it itself */
export async function* askLogs(
  job: AzureJob,
  query: string,
  range: TimeRange | undefined,
): AsyncGenerator<Page> {
  const { pieces } = yield* askAzure(job, LOGS, {
    target: `/v1/workspaces/${workspaceOf(job.settings)}/query`,
    json: { query, ...(range !== undefined && { timespan: spanOf(range) }) },
    headers: { prefer: `wait=${waitOf(job)}` },
  });
  const work = { module: new URL('./tables.js', import.meta.url), name: 'tablesOfKql', argument: { query } };
  yield* apart<Page>(pieces, work, job.signal);
}

/** KQL over the resources that the connection may see. */
export async function* askGraph(job: AzureJob, query: string): AsyncGenerator<Page> {
  const { subscription_id } = job.settings;
  const listed = new Listed({ list: 'data', token: '$skipToken', service: 'Azure Resource Graph' });
  let token: string | undefined;
  let isTruncated = false;
  do {
    const answer = yield* askAzure(job, MANAGEMENT, {
      target: GRAPH,
      json: graphOf(query, subscription_id, token),
    });
    const page = await listed.add(answer, job.signal);
    isTruncated = page.others.resultTruncated === 'true' && page.token === undefined;
    token = page.token === token ? undefined : page.token;
    yield { kind: 'progress', text: `${listed.rows.toLocaleString('en')} rows` };
  } while (token !== undefined && !listed.isFull);
  yield* listed.table(job.signal);
  const rows = listed.rows.toLocaleString('en');
  const note = isTruncated
    ? `Partial: only the first ${rows} rows. Azure has no next page for a query without the column id: add it, or ask for less.`
    : token === undefined
      ? ''
      : `Only the first ${rows} rows: there are more. Ask for less.`;
  yield { kind: 'end', note };
}

/** A real read: of the workspace, or of the resources where there is none. */
export async function testAzure(test: TestJob<AzureConnection>): Promise<string> {
  const job: AzureJob = { ...test, endsAt: Date.now() };
  if (job.settings.workspace_id === undefined) {
    const json = graphOf('resources | summarize count()', job.settings.subscription_id, undefined);
    const listed = new Listed({ list: 'data', token: '$skipToken', service: 'Azure Resource Graph' });
    await listed.add(
      await done(askAzure(job, MANAGEMENT, { target: GRAPH, json, largest: LARGEST_TEST })),
      job.signal,
    );
    return 'Azure Resource Graph, reads resources';
  }
  const answer = await done(
    askAzure(job, LOGS, {
      target: `/v1/workspaces/${workspaceOf(job.settings)}/query`,
      json: { query: 'Usage | summarize max(TimeGenerated)', timespan: 'P1D' },
      largest: LARGEST_TEST,
    }),
  );
  const work = {
    module: new URL('./tables.js', import.meta.url),
    name: 'tablesOfKql',
    argument: { query: '' },
  };
  for await (const _ of apart<Page>(answer.pieces, work, job.signal));
  return `Azure Monitor, reads the workspace ${workspaceOf(job.settings)}`;
}

function graphOf(query: string, subscription: string | undefined, token: string | undefined): object {
  return {
    query,
    ...(subscription !== undefined && { subscriptions: [subscription] }),
    options: {
      resultFormat: 'objectArray',
      $top: GRAPH_ROWS,
      ...(token !== undefined && { $skipToken: token }),
    },
  };
}

function workspaceOf({ workspace_id }: AzureConnection): string {
  if (workspace_id !== undefined) return workspace_id;
  throw new CellError(
    'A query of logs needs workspace_id in the connection. For resources begin with the line graph.',
  );
}

function spanOf({ start, end }: TimeRange): string {
  return `${new Date(start).toISOString()}/${new Date(end).toISOString()}`;
}

function waitOf({ endsAt }: AzureJob): number {
  return Math.min(LONGEST_S, Math.max(1, Math.ceil((endsAt - Date.now()) / 1000)));
}

async function done<Result>(asking: AsyncGenerator<Page, Result>): Promise<Result> {
  let step = await asking.next();
  while (!step.done) step = await asking.next();
  return step.value;
}
