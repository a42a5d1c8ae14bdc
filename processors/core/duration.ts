const units: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
};

/** Prometheus' own spelling: https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations */
const DURATION = /^(?:\d+(?:ms|[smhdwy]))+$/;

export function isDuration(text: string): boolean {
  return DURATION.test(text);
}

/** @returns seconds of `90`, `30s`, `1h30m`; undefined for anything else */
export function readDuration(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!isDuration(text)) return undefined;
  return [...text.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce(
    (sum, [, number, unit = '']) => sum + Number(number) * (units[unit] ?? 0),
    0,
  );
}

/** @returns e.g. `5m`, `1h30m` for a number of seconds */
export function writeDuration(seconds: number): string {
  let rest = Math.round(seconds);
  let text = '';
  for (const [unit, size] of Object.entries(units).reverse()) {
    if (unit === 'y' || unit === 'w' || size < 1) continue;
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text || `${seconds}s`;
}
