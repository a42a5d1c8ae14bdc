import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { printExact } from './exact-json.js';

/** A chart as JupyterLab gets it: Vega's MIME type, e.g. `application/vnd.vegalite.v5+json`, and its specification. */
export interface Chart {
  readonly type: string;
  readonly spec: unknown;
}

/** Altair writes `.v6.json`. */
export const CHART_TYPE = /^application\/vnd\.vega(?:lite)?\.v\d+[+.]json$/;

const PROGRAM = fileURLToPath(new URL('draw.js', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url));
/** Node.js 20 has an older name for it. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';
/** In MiB: a specification may ask for a row per second since 1970. */
const MOST_MEMORY = 512;

/**
 * Draws charts with Vega, which is what JupyterLab draws them with. What a notebook holds isn't trusted: a process of
 * its own does it, that has no environment, can't read or start anything but Vega, and compiles no code.
 *
 * @param limit milliseconds, for all of them
 * @returns an SVG for each; undefined for one that couldn't be drawn, or not in time
 */
export async function drawCharts(
  charts: readonly Chart[],
  limit: number,
): Promise<readonly (string | undefined)[]> {
  if (charts.length === 0) return [];
  const readable = [dirname(PROGRAM), `${PACKAGE}package.json`, `${PACKAGE}node_modules`];
  const child = spawn(
    '/usr/bin/env',
    [
      // Not spawn's own setting: a tool that watches this process adds to that.
      '-i',
      process.execPath,
      PERMISSION,
      ...readable.map((path) => `--allow-fs-read=${path}`),
      '--disallow-code-generation-from-strings',
      `--max-old-space-size=${MOST_MEMORY}`,
      PROGRAM,
    ],
    { stdio: ['pipe', 'pipe', 'ignore'], timeout: limit, killSignal: 'SIGKILL' },
  );
  const drawn: (string | undefined)[] = [];
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => resolve()).on('close', () => resolve());
  });
  // One that ends early has read no more.
  child.stdin.on('error', () => {}).end(charts.map((chart) => `${printExact(chart)}\n`).join(''));
  createInterface({ input: child.stdout }).on('line', (line) => drawn.push(svgIn(line)));
  await ended;
  return charts.map((_, at) => drawn[at]);
}

/** @returns undefined for a line that was cut short */
function svgIn(line: string): string | undefined {
  try {
    const svg: unknown = JSON.parse(line);
    return typeof svg === 'string' ? svg : undefined;
  } catch {
    return undefined;
  }
}
