/** Reading values whose shape is only hoped for: answers of an API server, and files. */

export type KubeObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is KubeObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns the member at a path of keys; undefined where there is none */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const key of path) found = isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined;
  return found;
}

/** @returns the text there; undefined for anything else, and for an empty one */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/** @returns the number there, else 0: the API leaves out zeros */
export function numberAt(value: unknown, ...path: readonly string[]): number {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : 0;
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** @returns `kind/name` in kubectl's spelling, e.g. `Deployment/api` */
export function titleOf(object: unknown): string {
  return `${textAt(object, 'kind') ?? 'object'}/${textAt(object, 'metadata', 'name') ?? ''}`;
}

/** @returns microseconds since 1970 as digits, of an RFC 3339 time with up to nine decimals; null for anything else */
export function microseconds(time: unknown): string | null {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(String(time));
  const seconds = Date.parse(`${parts?.[1] ?? ''}${parts?.[3] ?? ''}`);
  if (parts === null || Number.isNaN(seconds)) return null;
  return String(seconds * 1000 + Number((parts[2] ?? '').padEnd(6, '0').slice(0, 6)));
}
