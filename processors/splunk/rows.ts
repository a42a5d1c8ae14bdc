import type { Json } from '../core/value.js';

/** A row as Splunk writes it: all values are text, and a field with several is a list. */
export type SplunkRow = Readonly<Record<string, unknown>>;

/** Of `2026-01-31T12:00:00.123456+01:00`; any other text stays as it is. */
export function microseconds(text: string): Json {
  const [, seconds = '', fraction = '', zone = ''] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)$/.exec(text) ?? [];
  const time = Date.parse(`${seconds}${zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`);
  if (!Number.isFinite(time)) return text;
  return time * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}
