import { createInterface } from 'node:readline';
import { type Loader, None, parse, type Spec, View } from 'vega';
import { expressionInterpreter } from 'vega-interpreter';
import { compile, type TopLevelSpec } from 'vega-lite';

// A separate program: it draws what a notebook contains, so it has no credential and no files (charts.ts), and Vega here has
// no way to load anything.
// A chart is a line of JSON each way: its specification, and its SVG, or null for one that can't be drawn.

const nothing = () => Promise.reject(new Error('a report loads nothing'));
const loader: Loader = {
  load: nothing,
  sanitize: nothing,
  http: nothing,
  file: nothing,
  options: {},
} as Loader;

async function draw(line: string): Promise<string> {
  const { type, spec } = JSON.parse(line) as { readonly type: string; readonly spec: object };
  const vega = type.includes('vegalite') ? compile(spec as TopLevelSpec).spec : (spec as Spec);
  const view = new View(parse(vega, {}, { ast: true }), {
    renderer: 'none',
    expr: expressionInterpreter,
    loader,
    logLevel: None,
  });
  return view.toSVG();
}

for await (const line of createInterface({ input: process.stdin })) {
  const svg = await draw(line).catch(() => null);
  process.stdout.write(`${JSON.stringify(svg)}\n`);
}
