import type { CompletionJob, Suggested } from '../core/suggestion.js';
import { Hiding } from '../http/clouds/hiding.js';
import { readJson } from '../http/json.js';
import { askGcpQuietly, LOGGING } from './requests.js';
import { type GcpConnection, projectIn } from './settings.js';

const LARGEST = 2 * 1024 * 1024;
const MOST_NAMES = 1_000;
/** Fields of an entry: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry */
const FIELDS =
  'severity logName resource.type resource.labels. textPayload jsonPayload. protoPayload. httpRequest.status httpRequest.requestUrl labels. trace timestamp insertId'.split(
    ' ',
  );
const SEVERITIES = [
  'DEFAULT',
  'DEBUG',
  'INFO',
  'NOTICE',
  'WARNING',
  'ERROR',
  'CRITICAL',
  'ALERT',
  'EMERGENCY',
];

/** Fields and severities; names of the project's logs behind `logName=`. */
export async function completeGcp(
  body: string,
  cursor: number,
  job: CompletionJob<GcpConnection>,
): Promise<Suggested> {
  const before = body.slice(Math.max(0, cursor - 300), cursor);
  const offer = (typed: string, texts: readonly string[], kind: string): Suggested => ({
    from: cursor - typed.length,
    to: cursor,
    items: texts.filter((text) => text.startsWith(typed)).map((text) => ({ text, kind })),
  });
  const log = /\blogName\s?[=:]\s?"([^"\n]*)$/.exec(before);
  if (log !== null) return offer(log[1] ?? '', (await job.remembered('logs', load)) ?? [], 'log');
  const severity = /\bseverity\s?[<>!]?=\s?([A-Z]*)$/.exec(before);
  if (severity !== null) return offer(severity[1] ?? '', SEVERITIES, 'severity');
  const [, typed = ''] = /(?:^|[\s(])([\w.]*)$/.exec(before) ?? [];
  const isFirst = body.slice(0, cursor).trim() === typed;
  return offer(typed, [...(isFirst ? ['logs', 'assets'] : []), ...FIELDS], 'field');
}

async function load(
  settings: GcpConnection,
  signal: AbortSignal,
  resources: Parameters<Parameters<CompletionJob<GcpConnection>['remembered']>[1]>[2],
): Promise<readonly string[]> {
  const hiding = new Hiding();
  const job = { settings, signal, resources, hide: hiding.hide, endsAt: Date.now() };
  const target = `/v2/projects/${projectIn(settings)}/logs?pageSize=${MOST_NAMES}`;
  const { pieces } = await askGcpQuietly(job, LOGGING, target, undefined, LARGEST);
  const { logNames } = Object(readJson(pieces)) as { logNames?: unknown };
  return (Array.isArray(logNames) ? logNames : [])
    .filter((name): name is string => typeof name === 'string' && name.length <= 600 && !/["\\\n]/.test(name))
    .filter(hiding.isClean)
    .slice(0, MOST_NAMES);
}
