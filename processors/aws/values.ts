import { ExactNumber } from '../core/exact-json.js';
import type { Element } from '../http/xml.js';

/** Elements whose text is a number and never anything else: XML doesn't say it, and an identifier has digits too. */
const NUMBERS = new Set(
  `AllocatedStorage BackupRetentionPeriod Iops MaxAllocatedStorage Port PercentProgress Size StorageThroughput
   amiLaunchIndex availableIpAddressCount fromPort iops networkCardIndex size throughput toPort volumeSize`.split(
    /\s+/,
  ),
);

/**
 * An element as JSON would have it. Lists are told by how AWS writes them: `item` and `member`, or items named as one
 * of the list's own name.
 */
export function jsonIn({ name, children, text }: Element): unknown {
  if (children.length === 0) {
    if (text === '') return /Set$/.test(name) ? [] : null;
    if (text === 'true' || text === 'false') return text === 'true';
    return NUMBERS.has(name) && /^-?\d{1,15}$/.test(text) ? Number(text) : text;
  }
  if (isList(name, children)) return children.map(jsonIn);
  const members = new Map<string, unknown>();
  for (const child of children) members.set(child.name, jsonIn(child));
  return Object.fromEntries(members);
}

function isList(name: string, children: readonly Element[]): boolean {
  const item = children[0]?.name ?? '';
  if (children.some((child) => child.name !== item)) return false;
  if (children.length > 1 || item === 'item' || item === 'member') return true;
  return /(?:s|List|Set)$/.test(name) && item.startsWith(name.replace(/(?:s|List|Set)$/, ''));
}

/** What is shown in place of the value of a program's environment variable, which is often a credential. */
const HIDDEN = '***';

/**
 * A record as a table wants it: tags by their key, and the environment variables of functions and containers without
 * their values.
 */
export function shownRecord(record: unknown): unknown {
  if (Array.isArray(record)) return record.map(shownRecord);
  if (typeof record !== 'object' || record === null || record instanceof ExactNumber) return record;
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => {
      if (/^(?:tagSet|TagList|[tT]ags)$/.test(name)) return ['Tags', tagsOf(value)];
      if (/^environment$/i.test(name)) return [name, withoutValues(value)];
      return [name, shownRecord(value)];
    }),
  );
}

function tagsOf(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return Object.fromEntries(
    value.map((tag) => {
      const { key, Key, value: small, Value } = Object(tag) as Record<string, unknown>;
      return [String(key ?? Key ?? ''), small ?? Value ?? ''];
    }),
  );
}

/** `{Variables: {A: "1"}}` of Lambda, `[{name: "A", value: "1"}]` of ECS. */
function withoutValues(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map((each) => ({ name: String(Object(each).name ?? ''), value: HIDDEN }));
  const { Variables, ...others } = Object(value) as { Variables?: unknown };
  const names = Object.keys(Object(Variables));
  return { ...others, Variables: Object.fromEntries(names.map((name) => [name, HIDDEN])) };
}

/** What a user looks for first, of the lists with most columns. */
const first: Readonly<Record<string, readonly string[]>> = {
  DescribeInstances: [
    'instanceId',
    'Tags',
    'instanceState',
    'instanceType',
    'privateIpAddress',
    'ipAddress',
    'placement',
    'launchTime',
  ],
  DescribeSecurityGroups: ['groupId', 'groupName', 'groupDescription'],
  DescribeTasks: ['taskArn', 'group', 'lastStatus', 'desiredStatus', 'healthStatus', 'stoppedReason'],
  DescribeVolumes: ['volumeId', 'Tags', 'status', 'size', 'volumeType'],
  ListFunctions: ['FunctionName', 'Runtime', 'MemorySize', 'Timeout', 'LastModified'],
};

/** The record with the members first that its action's users look for. */
export function ordered(record: unknown, action: string): unknown {
  if (typeof record !== 'object' || record === null) return record;
  const members = record as Record<string, unknown>;
  const begin = (first[action] ?? []).filter((name) => Object.hasOwn(members, name));
  return { ...Object.fromEntries(begin.map((name) => [name, members[name]])), ...members };
}

const NAME_OF_TIME = /(?:time|Time|At|Date|Timestamp)$/;
const TEXT_OF_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;
/** Numbers are seconds, or milliseconds where they are that large. */
const LARGEST_SECONDS = 1e11;

/** Members of records that are times in each of them, by their names and their values. */
export function timesIn(batches: Iterable<readonly unknown[]>): Set<string> {
  const times = new Map<string, boolean>();
  for (const records of batches) {
    for (const record of records) {
      for (const [name, value] of Object.entries(Object(record))) {
        if (!NAME_OF_TIME.test(name) || value === null || times.get(name) === false) continue;
        times.set(name, millisecondsOf(value) !== undefined);
      }
    }
  }
  return new Set([...times].filter(([, isTime]) => isTime).map(([name]) => name));
}

/** Those members in microseconds since 1970, as a table has times. */
export function withTimes(record: unknown, times: ReadonlySet<string>): unknown {
  if (typeof record !== 'object' || record === null || times.size === 0) return record;
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => {
      const milliseconds = times.has(name) ? millisecondsOf(value) : undefined;
      return [name, milliseconds === undefined ? value : Math.round(milliseconds * 1000)];
    }),
  );
}

function millisecondsOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value > LARGEST_SECONDS ? value : value * 1000;
  return typeof value === 'string' && TEXT_OF_TIME.test(value) ? Date.parse(value) : undefined;
}
