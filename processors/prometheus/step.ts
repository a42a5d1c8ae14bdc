/** Prometheus and Loki refuse a range query for more points per series ("exceeded maximum resolution of 11,000 points"). */
export const MOST_POINTS = 11_000;
/** What `--step auto` aims at: a chart is about 700 pixels wide. */
const AUTO_POINTS = 350;
const NICE_STEPS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];

/**
 * The time between two values of a range query.
 *
 * @param range seconds
 * @param wanted seconds; undefined: as many points as a chart shows
 * @returns seconds, more than `wanted` where that would be too many points
 */
export function stepFor(range: number, wanted: number | undefined): number {
  const least = Math.ceil(range / (MOST_POINTS - 1));
  if (wanted !== undefined) return Math.max(wanted, least);
  const aim = range / AUTO_POINTS;
  return Math.max(NICE_STEPS.find((step) => step >= aim) ?? Math.ceil(aim / 86_400) * 86_400, least);
}
