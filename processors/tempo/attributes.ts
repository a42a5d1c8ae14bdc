import type { Json } from '../core/processor.js';

/**
 * Attributes of OpenTelemetry's JSON (`[{key, value: {stringValue}}]`) as an object.
 * Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export function attributesOf(list: unknown): Record<string, Json> {
  const pairs = (Array.isArray(list) ? list : []).map((each) => {
    const { key, value } = Object(each) as { key?: unknown; value?: unknown };
    return [String(key), readValue(value, 0)] as const;
  });
  return Object.fromEntries(pairs);
}

/** Lists in lists are read down to here. */
const DEEPEST = 20;

function readValue(value: unknown, depth: number): Json {
  const { stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue, bytesValue } = Object(
    value,
  ) as Record<string, unknown>;
  if (typeof stringValue === 'string') return stringValue;
  if (typeof boolValue === 'boolean') return boolValue;
  // 64 bits come as digits.
  if (intValue !== undefined)
    return Number.isSafeInteger(Number(intValue)) ? Number(intValue) : String(intValue);
  if (doubleValue !== undefined) return typeof doubleValue === 'number' ? doubleValue : String(doubleValue);
  if (typeof bytesValue === 'string') return bytesValue;
  if (depth >= DEEPEST) return null;
  const list = Object(arrayValue).values as unknown;
  if (Array.isArray(list)) return list.map((each) => readValue(each, depth + 1));
  const members = Object(kvlistValue).values as unknown;
  if (!Array.isArray(members)) return null;
  return Object.fromEntries(
    members.map((each) => [String(Object(each).key), readValue(Object(each).value, depth + 1)]),
  );
}

/** Nanoseconds since 1970, as digits or a number. @returns 0 for what is none */
export function nanosecondsOf(value: unknown): bigint {
  return /^\d{1,20}$/.test(String(value)) ? BigInt(String(value)) : 0n;
}
