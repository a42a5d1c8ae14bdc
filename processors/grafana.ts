import { z } from 'zod';
import { brokered, type Job } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import type { Page } from './core/pages.js';
import { type Cell, CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { credential, httpUrl, text, tlsFields } from './core/settings.js';
import { AT, RANGE, timeOf, timeRangeOf } from './core/time-range.js';
import { annotate } from './grafana/annotations.js';
import { completeAddress } from './grafana/completion.js';
import { listAnnotations, listDashboards, listRules, listSources } from './grafana/lists.js';
import { fetchPanel, fetchSource } from './grafana/queries.js';
import { type GrafanaSettings, testGrafana } from './grafana/requests.js';
import { renderText } from './http/template.js';

const settings = z.strictObject({
  url: httpUrl(),
  token: credential().optional(),
  org_id: z.union([z.int().positive().transform(String), text()]).optional(),
  read_only: z.boolean('it is true or false').default(true),
  ...tlsFields,
});

const PLACE = 'a cell of Grafana, which logs what it is asked';
const LISTS = ['dashboards', 'rules', 'sources', 'annotations'] as const;
type List = (typeof LISTS)[number];
const USUAL_RANGE = '1h';

export const grafana = brokered<GrafanaSettings>({
  name: 'grafana',
  summary: 'runs a panel of Grafana by its address, or a query of any data source',
  example: '%%grafana prod --range 6h\n/d/abc123/checkout?viewPanel=4&var-job={{job}}',
  options: {
    source: { type: 'string', help: 'the cell is a query of this data source, by name or UID' },
    range: { ...RANGE, help: 'values over the last 15m, 6h, 7d …; default the address’s time, else 1h' },
    at: AT,
    list: { type: 'string', help: 'list what there is instead', values: LISTS },
    annotation: { type: 'flag', help: 'write an annotation whose text is the cell' },
    tags: { type: 'string', help: 'of an annotation: its tags, e.g. deploy,checkout' },
    on: { type: 'string', help: 'of an annotation: the address of its dashboard or panel' },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: { settings, test: testGrafana },

  complete: completeAddress,

  compile({ options, body }) {
    const text = body.trim();
    check(options, text);
    const variables = variablesIn(text, options, PLACE);
    const { timeout: _, out: __, rows: ___, raw: ____, ...shown } = options;
    return {
      args: { ...(text !== '' && { query: text }), ...shown },
      variables,
      perform: (job) => perform(job, options, text),
    };
  },
});

/** @throws {CellError} */
function check(options: Cell['options'], text: string): void {
  const { source, list, annotation: writes, range } = options;
  const kinds = Object.entries({ source, list, annotation: writes }).filter(
    ([, value]) => value !== undefined,
  );
  if (kinds.length > 1)
    throw new CellError(`${kinds.map(([name]) => `--${name}`).join(' and ')} exclude each other.`);
  for (const name of ['tags', 'on'])
    if (options[name] !== undefined && writes !== true)
      throw new CellError(`--${name} works only with --annotation.`);
  if (list !== undefined && !LISTS.some((each) => each === list))
    throw new CellError(`--list takes ${LISTS.join(', ')}.`);
  if (list !== undefined && list !== 'dashboards' && text !== '')
    throw new CellError(`--list ${String(list)} takes no text in the cell.`);
  if (text === '' && list === undefined)
    throw new CellError(
      'A %%grafana cell needs the address of a panel, e.g. /d/UID/name?viewPanel=4. --list dashboards shows addresses.',
    );
  if (range !== undefined) timeRangeOf(options, USUAL_RANGE);
  else timeOf('at', options.at);
}

async function* perform(
  job: Job<GrafanaSettings>,
  options: Cell['options'],
  text: string,
): AsyncGenerator<Page> {
  const { source, list, annotation: writes, range, at, tags, on } = options;
  const isRaw = options.raw === true;
  const times = () => timeRangeOf(options, USUAL_RANGE);
  const plain = isRaw ? text : renderedIf(writes === true || list !== undefined, text, job);
  if (list !== undefined) return yield* listOf(list as List, job, plain, times);
  if (writes === true) {
    const end = timeOf('at', at);
    return yield* annotate(job, {
      text: plain,
      tags:
        tags === undefined
          ? []
          : String(tags)
              .split(',')
              .map((tag) => tag.trim())
              .filter(Boolean),
      on: on === undefined ? undefined : String(on),
      times: range === undefined ? { start: end, end } : times(),
    });
  }
  if (source !== undefined)
    return yield* fetchSource(job, { source: String(source), text, isRaw, ...times() });
  yield* fetchPanel(job, {
    address: text,
    isRaw,
    times(own, now) {
      if (range !== undefined) return timeRangeOf(options, USUAL_RANGE, now);
      if (at === undefined) return own;
      const end = timeOf('at', at, now);
      return { start: end - (own.end - own.start), end };
    },
  });
}

/** Text that goes as it is: of an annotation, of a search. */
function renderedIf(isPlain: boolean, text: string, { values }: Job<GrafanaSettings>): string {
  return isPlain ? renderText(text, values) : text;
}

async function* listOf(
  list: List,
  job: Job<GrafanaSettings>,
  text: string,
  times: () => { start: number; end: number },
): AsyncGenerator<Page> {
  if (list === 'dashboards') yield* listDashboards(job, text);
  else if (list === 'rules') yield* listRules(job);
  else if (list === 'sources') yield* listSources(job);
  else yield* listAnnotations(job, times());
}
