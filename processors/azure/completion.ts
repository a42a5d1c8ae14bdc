import { oneApart, type Pieces } from '../core/apart.js';
import type { CompletionJob, Suggested } from '../core/suggestion.js';
import { Hiding } from '../http/clouds/hiding.js';
import { readJson } from '../http/json.js';
import { askAzure, LOGS } from './requests.js';
import type { AzureConnection } from './settings.js';

const LARGEST = 8 * 1024 * 1024;
const MOST_NAMES = 2_000;

/** Tables of the workspace, where a query begins. */
export async function completeAzure(
  body: string,
  cursor: number,
  job: CompletionJob<AzureConnection>,
): Promise<Suggested> {
  const before = body.slice(0, cursor);
  const [typed = ''] = /\w*$/.exec(before.slice(-100)) ?? [];
  const start = before.slice(0, before.length - typed.length);
  if (!/(?:^|\blogs\n|[(;]|\bunion )\s*$/.test(start.slice(-100)))
    return { from: cursor, to: cursor, items: [] };
  const names = (await job.remembered('tables', load)) ?? [];
  const verbs = start.trim() === '' ? ['logs', 'graph', 'metrics'] : [];
  const items = [
    ...verbs.map((text) => ({ text, kind: 'command' })),
    ...names.map((text) => ({ text, kind: 'table' })),
  ];
  return {
    from: cursor - typed.length,
    to: cursor,
    items: items.filter(({ text }) => text.startsWith(typed)),
  };
}

async function load(
  settings: AzureConnection,
  signal: AbortSignal,
  resources: Parameters<Parameters<CompletionJob<AzureConnection>['remembered']>[1]>[2],
): Promise<readonly string[]> {
  if (settings.workspace_id === undefined) return [];
  const hiding = new Hiding();
  const job = { settings, signal, resources, hide: hiding.hide, endsAt: Date.now() };
  const target = `/v1/workspaces/${settings.workspace_id}/metadata`;
  const asking = askAzure(job, LOGS, { target, largest: LARGEST });
  let step = await asking.next();
  while (!step.done) step = await asking.next();
  const work = { module: new URL(import.meta.url), name: 'readTables', argument: undefined };
  const names = await oneApart<readonly string[]>(step.value.pieces, work, signal);
  return names.filter(hiding.isClean);
}

/** A work for `apart`: a workspace has hundreds of tables with all of their columns. */
export function* readTables(pieces: Pieces): Generator<readonly string[]> {
  const { tables } = Object(readJson(pieces)) as { tables?: unknown };
  yield (Array.isArray(tables) ? tables : [])
    .map((table) => String(Object(table).name ?? ''))
    .filter((name) => /^\w{1,200}$/.test(name))
    .slice(0, MOST_NAMES)
    .sort();
}
