import t from 'tap';
import { z } from 'zod';
import { brokered } from '../../processors/core/brokered.js';
import { VEGA_LITE } from '../../processors/core/chart/frame.js';
import type { Page } from '../../processors/core/pages.js';
import type { Cell, Context } from '../../processors/core/processor.js';
import { Resources } from '../../processors/core/resources.js';
import type { Value } from '../../processors/core/value.js';

const DEPLOYS: Value = {
  type: 'table',
  value: { columns: ['at', 'what'], rows: [['1970-01-01 00:00:01', 'v2']], total: 1, all_columns: 2 },
};
const ROWS: readonly Page[] = [
  {
    kind: 'columns',
    columns: [
      { name: 'at', type: 'time' },
      { name: 'n', type: 'number' },
    ],
  },
  {
    kind: 'rows',
    rows: [
      [0, 2_000_000],
      [1, 2],
    ],
  },
];
const OWN = { [VEGA_LITE]: { mark: 'bar', encoding: { x: { type: 'nominal' } } }, 'text/plain': 'its own' };

/** A processor whose cells have these results. */
function processorOf(pages: readonly Page[]) {
  return brokered({
    name: 'test',
    summary: '',
    options: {},
    connection: { settings: z.unknown(), test: async () => '' },
    compile: () => ({
      args: {},
      variables: ['limit'],
      async *perform() {
        yield* pages;
      },
    }),
  });
}

const context = {
  connections: {
    types: () => new Set(['test']),
    names: () => ['it'],
    find: () => ({ name: 'it', type: 'test', settings: () => ({}) }),
  },
  resources: new Resources(new Map()),
} as unknown as Context;

async function perform(options: Cell['options'], end: Page, values: Readonly<Record<string, Value>> = {}) {
  const cell: Cell = { processor: 'test', connection: undefined, options, body: 'how many' };
  const { run } = await processorOf([...ROWS, end]).compile(cell, context);
  if (run.kind !== 'brokered') throw new Error('not brokered');
  const limits = { hide() {}, endsAt: Number.POSITIVE_INFINITY };
  const pages: Page[] = [];
  const signal = new AbortController().signal;
  for await (const page of run.perform(new Map(Object.entries(values)), signal, limits)) pages.push(page);
  return { variables: run.variables, pages, end: pages.at(-1) as Extract<Page, { kind: 'end' }> };
}

t.test('a cell without a chart is as it was', async (t) => {
  const end: Page = { kind: 'end', displays: [OWN], note: 'done' };
  t.same((await perform({}, end)).pages, [...ROWS, end]);
});

t.test('the chart of a table comes with its last page, in the place of the service’s own', async (t) => {
  const page = { 'text/html': '<p>a link</p>' };
  const { pages, end } = await perform(
    { chart: 'line' },
    { kind: 'end', displays: [OWN, page], note: 'done' },
  );
  t.same(pages.slice(0, -1), ROWS);
  t.match(end.displays, [
    { [VEGA_LITE]: { title: { text: ['how many'] } } },
    { 'text/html': /^<table/ },
    page,
  ]);
  t.equal(end.displays?.length, 3);
  t.equal(end.note, 'done');
});

t.test('marks go into the chart that is asked for, or the service’s own', async (t) => {
  const asked = await perform(
    { chart: 'line', annotate: 'deploys', threshold: 3 },
    { kind: 'end' },
    { deploys: DEPLOYS },
  );
  t.same(asked.variables, ['limit', 'deploys'], 'the kernel is asked for the times');
  t.equal(asked.end.note, '');
  t.match(JSON.stringify(asked.end.displays), '{"time":1000,"text":"v2"}');
  t.match(JSON.stringify(asked.end.displays), '"datum":3');
  const own = await perform({ threshold: 3 }, { kind: 'end', displays: [OWN] });
  t.match(own.end.displays, [{ 'text/plain': 'its own', [VEGA_LITE]: { layer: { length: 2 } } }]);
});

t.test('marks without a place are said', async (t) => {
  t.match(
    (await perform({ threshold: 3 }, { kind: 'end' })).end.note,
    'There is no chart to mark: add --chart.',
  );
  const bars = await perform({ annotate: 'deploys' }, { kind: 'end', displays: [OWN] }, { deploys: DEPLOYS });
  t.match(bars.end.note, 'The chart is not over time: --annotate marks nothing.');
  await t.rejects(perform({ annotate: 'deploys' }, { kind: 'end', displays: [OWN] }), {
    message: /deploys is not set/,
  });
  await t.rejects(perform({ annotate: 'a b' }, { kind: 'end' }), { message: /name of a variable/ });
});
