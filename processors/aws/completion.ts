import type { CompletionJob, Suggested, Suggestion } from '../core/suggestion.js';
import { Hiding } from '../http/clouds/hiding.js';
import { readJson } from '../http/json.js';
import { callOnce } from './call.js';
import { type Action, actionOf, actions, commandOf } from './services.js';
import type { AwsConnection } from './settings.js';

const VERBS: readonly Suggestion[] = [
  { text: 'logs', kind: 'command', help: 'a query of Logs Insights: logs GROUP, and the query below' },
  { text: 'logs tail', kind: 'command', help: 'the events of a log group' },
  {
    text: 'metrics',
    kind: 'command',
    help: 'values of metrics: a line for each, e.g. AWS/EC2 CPUUtilization',
  },
  { text: 'alarms', kind: 'command', help: 'alarms and their states' },
  { text: 'alarms history', kind: 'command', help: 'what happened to an alarm' },
  ...[...actions.keys()].map((text) => ({ text, kind: 'service' })),
];

/** Of an answer with names, in bytes; and the names that are kept of each kind. */
const LARGEST = 2 * 1024 * 1024;
const MOST_NAMES = 2_000;
const MOST_PAGES = 4;

/** Verbs and actions; log groups, namespaces and metrics as the connection may see them. */
export async function completeAws(
  body: string,
  cursor: number,
  job: CompletionJob<AwsConnection>,
): Promise<Suggested> {
  const before = body.slice(0, cursor).trimStart();
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const isFirst = !before.includes('\n');
  const words = line.split(/\s+/);
  const typed = words.at(-1) ?? '';
  const offer = (items: readonly Suggestion[]): Suggested => ({
    from: cursor - typed.length,
    to: cursor,
    items: items.filter(({ text }) => text.startsWith(typed)),
  });
  if (isFirst && words.length === 1) return offer(VERBS);
  const [verb = ''] = isFirst ? words : [before.split(/\s/, 1)[0]];
  if (isFirst && verb === 'logs') {
    const tail = words.length === 2 ? [{ text: 'tail', kind: 'command' }] : [];
    return offer([...tail, ...named(await names(job, 'log groups', loadGroups), 'log group')]);
  }
  if (isFirst && actions.has(verb)) {
    const known = [...(actions.get(verb)?.values() ?? [])];
    return offer(
      words.length === 2 ? known.map(({ name }) => ({ text: commandOf(name), kind: 'action' })) : [],
    );
  }
  if (!isFirst && verb === 'metrics' && words.length <= 2) {
    const pairs = await names(job, 'metrics', loadMetrics);
    const [namespace] = words;
    return words.length === 1
      ? offer(named([...new Set(pairs.map((pair) => pair.split(' ')[0] ?? ''))], 'namespace'))
      : offer(
          named(
            pairs.flatMap((pair) =>
              pair.startsWith(`${namespace} `) ? [pair.slice((namespace ?? '').length + 1)] : [],
            ),
            'metric',
          ),
        );
  }
  return { from: cursor, to: cursor, items: [] };
}

function named(texts: readonly string[], kind: string): Suggestion[] {
  return texts.map((text) => ({ text, kind }));
}

type Asking = Parameters<Parameters<CompletionJob<AwsConnection>['remembered']>[1]>;

async function names(
  job: CompletionJob<AwsConnection>,
  what: string,
  load: (...asking: Asking) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  return (await job.remembered(what, load)) ?? [];
}

function loadGroups(...asking: Asking): Promise<readonly string[]> {
  return pages(asking, actionOf('logs', 'DescribeLogGroups'), { limit: 50 }, ({ logGroups }) =>
    listOf(logGroups).map(({ logGroupName }) => String(logGroupName ?? '')),
  );
}

/** Those that had values lately. */
function loadMetrics(...asking: Asking): Promise<readonly string[]> {
  return pages(asking, actionOf('cloudwatch', 'ListMetrics'), { RecentlyActive: 'PT3H' }, ({ Metrics }) =>
    listOf(Metrics).map(
      ({ Namespace, MetricName }) => `${String(Namespace ?? '')} ${String(MetricName ?? '')}`,
    ),
  );
}

async function pages(
  [settings, signal, resources]: Asking,
  action: Action,
  parameters: object,
  namesIn: (answer: Record<string, unknown>) => readonly string[],
): Promise<readonly string[]> {
  const hiding = new Hiding();
  const job = { settings, signal, resources, hide: hiding.hide, endsAt: Date.now() };
  const [parameter, member] = action.service.page;
  const found = new Set<string>();
  let token: unknown;
  for (let page = 0; page < MOST_PAGES && found.size < MOST_NAMES; page++) {
    const asked = { ...parameters, ...(typeof token === 'string' && { [parameter]: token }) };
    const { status, pieces } = await callOnce(job, action, asked, LARGEST);
    if (status !== 200) break;
    const answer = Object(readJson(pieces)) as Record<string, unknown>;
    for (const name of namesIn(answer)) if (name.length <= 512 && found.size < MOST_NAMES) found.add(name);
    token = answer[member];
    if (typeof token !== 'string' || token === '') break;
  }
  return [...found].filter(hiding.isClean).sort();
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map((item) => Object(item) as Record<string, unknown>) : [];
}
