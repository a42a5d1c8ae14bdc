/** Milliseconds since 1970, and a value. */
export type Point = readonly [time: number, value: number];

/** A line with its breaks: a missing value parts what comes before from what comes after. */
export interface Line {
  readonly points: readonly (readonly [time: number, value: number | null])[];
  /** Those of them with a break on both sides: a line shows nothing of them. */
  readonly alone: readonly Point[];
  readonly isThinned: boolean;
}

/** Samples that Prometheus takes itself come up to some milliseconds late. */
const TOLERANCE = 1.5;
/** First, lowest, highest and last. */
const KEPT = 4;

/**
 * What is drawn of a series: a break where two points are more than a step apart, or where a value isn't finite.
 *
 * Of too many points each part of the time keeps its first, lowest, highest and last one, so that a thinner line looks
 * the same: Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014.
 *
 * @param step milliseconds between two points without a gap
 * @param most points that are kept, give or take a few
 */
export function lineOf(all: readonly Point[], step: number, most: number): Line {
  const runs = runsOf(all, step * TOLERANCE);
  const total = runs.reduce((sum, run) => sum + run.length, 0);
  const isThinned = total > most;
  const kept = isThinned ? thinned(runs, Math.max(1, Math.floor(most / KEPT))) : runs;
  const points: (readonly [number, number | null])[] = [];
  for (const run of kept) {
    const [last] = points.at(-1) ?? [];
    const [next] = run[0] ?? [];
    if (last !== undefined && next !== undefined) points.push([(last + next) / 2, null]);
    points.push(...run);
  }
  const alone = kept.flatMap((run) => (run.length === 1 ? run : []));
  return { points, alone, isThinned };
}

/**
 * How far apart the samples of a range selector are, which come as they were scraped: where all distances are
 * multiples of the smallest, as those of a subquery are, it is that one; else twice the usual one.
 */
export function usualStep(series: readonly (readonly Point[])[]): number {
  const distances = series.flatMap((points) =>
    points.slice(1).map(([time], index) => time - (points[index]?.[0] ?? time)),
  );
  const sorted = distances.filter((distance) => distance > 0).sort((a, b) => a - b);
  const [least] = sorted;
  if (least === undefined) return 0;
  const isGrid = sorted.every((distance) => Math.abs(distance / least - Math.round(distance / least)) < 0.02);
  return isGrid ? least : 2 * (sorted[sorted.length >> 1] ?? least);
}

function runsOf(points: readonly Point[], apart: number): Point[][] {
  const runs: Point[][] = [];
  let run: Point[] | undefined;
  for (const point of points) {
    const last = run?.at(-1);
    if (!Number.isFinite(point[1])) run = undefined;
    else if (run !== undefined && last !== undefined && point[0] - last[0] <= apart) run.push(point);
    else {
      run = [point];
      runs.push(run);
    }
  }
  return runs;
}

function thinned(runs: readonly (readonly Point[])[], parts: number): Point[][] {
  const start = runs[0]?.[0]?.[0] ?? 0;
  const end = runs.at(-1)?.at(-1)?.[0] ?? start;
  const partOf = (time: number) => Math.min(parts - 1, Math.floor(((time - start) / (end - start)) * parts));
  const kept = new Set<Point>();
  let group: Point[] = [];
  const keep = () => {
    for (const point of extremesOf(group)) kept.add(point);
    group = [];
  };
  for (const point of runs.flat()) {
    const before = group[0];
    if (before !== undefined && partOf(before[0]) !== partOf(point[0])) keep();
    group.push(point);
  }
  keep();
  return runs.map((run) => run.filter((point) => kept.has(point))).filter((run) => run.length > 0);
}

function extremesOf(points: readonly Point[]): readonly Point[] {
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined) return [];
  let lowest = first;
  let highest = first;
  for (const point of points) {
    if (point[1] < lowest[1]) lowest = point;
    if (point[1] > highest[1]) highest = point;
  }
  return [first, lowest, highest, last];
}
