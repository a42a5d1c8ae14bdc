import type { Reference, Values } from './template.js';

/** @returns undefined for a value that is no bytes */
export function bytesOf({ reference }: Reference, values: Values): Buffer | undefined {
  const value = values.get(reference);
  return value?.type === 'bytes' ? Buffer.from(value.value, 'base64') : undefined;
}
