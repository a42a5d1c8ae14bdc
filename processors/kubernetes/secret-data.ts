import { ExactNumber } from '../core/exact-json.js';
import { isObject } from './objects.js';

/** What is shown in place of a Secret's value. */
export const MASKED = '***';

/**
 * Annotations in which programs keep the object as it was written, values and all:
 * `kubectl.kubernetes.io/last-applied-configuration`, `objectset.rio.cattle.io/applied`.
 */
const APPLIED = /applied/i;

/**
 * An object without the values of Secrets, wherever in it there is one: in lists, and in objects that contain others.
 * The names of a Secret's values stay.
 *
 * @param kind of an object that doesn't say it itself, as in a list
 */
export function withoutSecretData(value: unknown, kind?: string): unknown {
  if (Array.isArray(value)) return value.map((each) => withoutSecretData(each, kind));
  if (!isObject(value) || value instanceof ExactNumber) return value;
  const own = typeof value.kind === 'string' ? value.kind : kind;
  const isSecret = own === 'Secret';
  const ofItems = own === 'SecretList' ? 'Secret' : undefined;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (isSecret && (name === 'data' || name === 'stringData')) return [name, maskedData(member)];
      if (isSecret && name === 'metadata') return [name, withoutLastApplied(member)];
      return [name, withoutSecretData(member, name === 'items' ? ofItems : undefined)];
    }),
  );
}

function maskedData(data: unknown): unknown {
  if (!isObject(data)) return data === undefined || data === null ? data : MASKED;
  return Object.fromEntries(Object.keys(data).map((name) => [name, MASKED]));
}

function withoutLastApplied(metadata: unknown): unknown {
  if (!isObject(metadata) || !isObject(metadata.annotations)) return metadata;
  const annotations = Object.entries(metadata.annotations).map(([name, value]) => [
    name,
    APPLIED.test(name) ? MASKED : value,
  ]);
  return { ...metadata, annotations: Object.fromEntries(annotations) };
}
