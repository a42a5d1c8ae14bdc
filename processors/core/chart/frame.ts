import type { Json } from '../value.js';

/** Version 5, which stock JupyterLab draws. Source: https://vega.github.io/vega-lite/docs/ */
export const VEGA_LITE = 'application/vnd.vegalite.v5+json';
export const SCHEMA = 'https://vega.github.io/schema/vega-lite/v5.json';

/** MIME types with their data, as a display of Jupyter's has them. */
export type Bundle = Readonly<Record<string, Json>>;

export interface Chart {
  /** Empty when there is nothing to draw. */
  readonly displays: readonly Bundle[];
  /** What the chart doesn't show, in a sentence; may be empty. */
  readonly note: string;
}

export const NO_CHART: Chart = { displays: [], note: '' };

/** In pixels: beside the prompt of a notebook on half a screen. */
export const WIDTH = 720;
export const HEIGHT = 260;

/** Times are as in the table: UTC, 24 hours. Keys: https://vega.github.io/vega/docs/api/time/#timeUnitSpecifier */
export const TIMES = {
  year: '%Y',
  quarter: '%b',
  month: '%b',
  week: '%b %d',
  date: '%b %d',
  day: '%b %d',
  hours: '%H:%M',
  minutes: '%H:%M',
  seconds: '%H:%M:%S',
  milliseconds: '%H:%M:%S.%L',
};

/** A time in a tooltip. */
export const timeTooltip = (field: string, title: string) => ({
  field,
  type: 'temporal',
  timeUnit: 'utcyearmonthdatehoursminutesseconds',
  format: '%Y-%m-%d %H:%M:%SZ',
  title,
});

/** As many series have colours of their own. */
export const MOST_SERIES = 20;

/**
 * The colours of several series, in their order. A click on one in the legend fades the others.
 *
 * @param title of the legend; empty: none
 */
export function coloured(names: readonly string[], title: string, columns: number, labelLimit: number) {
  return {
    color: {
      field: 'series',
      type: 'nominal',
      sort: null,
      title: title === '' ? null : title,
      scale: { domain: [...names], scheme: names.length > 10 ? 'tableau20' : 'tableau10' },
      legend: { orient: 'bottom', columns, labelLimit },
    },
    opacity: { condition: { param: CHOSEN, value: 1 }, value: 0.12 },
  };
}

const CHOSEN = 'chosen';
/** Of the unit that has the colours. Source: https://vega.github.io/vega-lite/docs/bind.html#legend-binding */
export const CHOOSING = [{ name: CHOSEN, select: { type: 'point', fields: ['series'] }, bind: 'legend' }];
