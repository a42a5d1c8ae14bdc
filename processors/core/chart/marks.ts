import type { Json } from '../value.js';
import { type Bundle, timeTooltip, VEGA_LITE } from './frame.js';

/** A time that is marked, as of a deploy: milliseconds since 1970. */
export interface Annotation {
  readonly time: number;
  readonly text: string;
}

export interface Marks {
  readonly threshold: number | undefined;
  readonly annotations: readonly Annotation[];
}

type Spec = Readonly<Record<string, Json>>;

const THRESHOLD = { type: 'rule', color: '#d62728', strokeDash: [6, 4] };
const ANNOTATION = { type: 'rule', color: '#7f7f7f', strokeDash: [2, 3] };
const CAPTION = {
  type: 'text',
  align: 'left',
  baseline: 'top',
  dx: 3,
  fontSize: 10,
  color: '#7f7f7f',
  limit: 160,
};

/** @returns whether a chart's axis is time, so that annotations have a place on it */
export function isOverTime(bundle: Bundle): boolean {
  return typeIn(Object(Object(bundle[VEGA_LITE]).encoding).x) === 'temporal';
}

/**
 * A chart with a line at a value, and lines at times. Each goes into a layer: what the chart has is one too then, with
 * its own encoding, as layers would inherit it otherwise.
 * Source: https://vega.github.io/vega-lite/docs/layer.html
 */
export function withMarks(bundle: Bundle, { threshold, annotations }: Marks): Bundle {
  const { encoding, data, mark, layer, params, ...frame } = bundle[VEGA_LITE] as Spec;
  const own: readonly Json[] = Array.isArray(layer)
    ? layer.map((each: Spec) => ({ ...each, encoding: { ...Object(encoding), ...Object(each.encoding) } }))
    : [{ ...(params && { params }), mark: mark ?? null, encoding: encoding ?? null }];
  const { x } = Object(encoding) as { x?: Spec };
  const time = { field: 'time', type: 'temporal', scale: x?.scale ?? null };
  const marked = { values: annotations.map(({ time, text }) => ({ time, text })) };
  const layers: readonly Json[] = [
    ...own,
    ...(threshold === undefined
      ? []
      : [
          {
            data: { values: [{}] },
            mark: THRESHOLD,
            encoding: { y: { datum: threshold, type: 'quantitative' } },
          },
        ]),
    ...(annotations.length === 0
      ? []
      : [
          { data: marked, mark: ANNOTATION, encoding: { x: time, tooltip: TOOLTIP } },
          { data: marked, mark: CAPTION, encoding: { x: time, y: { value: 0 }, text: { field: 'text' } } },
        ]),
  ];
  return { ...bundle, [VEGA_LITE]: { ...frame, ...(data && { data }), layer: layers } };
}

const TOOLTIP = [timeTooltip('time', 'time'), { field: 'text', type: 'nominal', title: 'what' }];

function typeIn(channel: unknown): unknown {
  return Object(channel).type;
}
