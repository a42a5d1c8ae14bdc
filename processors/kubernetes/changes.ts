import { isObject } from './objects.js';

/** Members that the server changes by itself. */
const SERVERS = new Set(['managedFields', 'resourceVersion', 'generation', 'uid', 'creationTimestamp']);
/** What is told of one object, and of one value in characters. */
const MOST = 50;
const LONGEST = 80;

/**
 * What is different in an object after a change, a line each: `spec.replicas: 2 → 5`.
 * Both are without the values of Secrets, so that one of those shows as changed by nothing.
 */
export function changesBetween(before: unknown, after: unknown): string[] {
  const found: string[] = [];
  compare([], before, after, found);
  if (found.length <= MOST) return found;
  return [...found.slice(0, MOST), `and ${found.length - MOST} more`];
}

function compare(path: readonly string[], before: unknown, after: unknown, found: string[]): void {
  if (path[0] === 'status' || (path[0] === 'metadata' && SERVERS.has(path[1] ?? ''))) return;
  const areLists = Array.isArray(before) && Array.isArray(after);
  if (areLists || (isObject(before) && isObject(after))) {
    const [one, other] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
    for (const key of new Set([...one.keys(), ...other.keys()]))
      compare([...path, key], one.get(key), other.get(key), found);
  } else if (written(before) !== written(after))
    found.push(`${path.join('.')}: ${short(before)} → ${short(after)}`);
}

function written(value: unknown): string {
  return value === undefined
    ? ''
    : JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each));
}

function short(value: unknown): string {
  const text = value === undefined ? 'nothing' : typeof value === 'string' ? value : written(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
