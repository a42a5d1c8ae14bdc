import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { marked, type Tokens } from 'marked';
import t from 'tap';
import * as statuses from '../gateway/commands/exit-status.js';
import { refuseUnknownNames } from '../gateway/config/names.js';
import { Problems } from '../gateway/config/problems.js';
import { GatewayError, type Refusal } from '../gateway/errors.js';
import { Metrics } from '../gateway/metrics.js';
import { CHART_OPTIONS } from '../processors/core/chart/chart-options.js';
import type { Option } from '../processors/core/processor.js';
import { builtIn } from '../processors/index.js';

/** The pages of docs/reference/ beside what the program does: neither has what the other has not. */

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');

/** The rows of a page's tables, each cell as it is written there. @param heading of one chapter alone */
function rowsOf(page: string, heading?: string): string[][] {
  let at = '';
  const rows: string[][] = [];
  for (const token of marked.lexer(read(`docs/reference/${page}`))) {
    if (token.type === 'heading') at = String(token.text);
    if (token.type !== 'table' || (heading !== undefined && at !== heading)) continue;
    rows.push(...(token as Tokens.Table).rows.map((row) => row.map(({ text }) => text)));
  }
  return rows;
}

/** What stands between backquotes. */
const named = (text = '') => [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
const columnOf = (page: string) => rowsOf(page).flatMap(([first]) => named(first));

t.test('settings: every one of the gateway’s own, and no other', async (t) => {
  const problems = new Problems();
  refuseUnknownNames({ SPIN_NO_SETTING_IS_CALLED_THIS: 'x' }, problems);
  let said = '';
  try {
    problems.check();
  } catch (error) {
    said = String(error);
  }
  const known = new Set(
    [...said.matchAll(/SPIN_[A-Z_]+/g)].map(([name]) => name).filter((name) => !name.includes('NO_SETTING')),
  );
  known.delete('SPIN_');
  t.ok(known.size > 25, 'the gateway tells its settings');
  t.same(
    columnOf('settings.md')
      .filter((name) => name.startsWith('SPIN_'))
      .sort(),
    [...known].sort(),
  );
});

t.test('errors: every code with its status, close code and sentence', async (t) => {
  const codes = [...read('gateway/errors.ts').matchAll(/^ {2}([A-Z_]+): \[/gm)].map(
    ([, code]) => code as Refusal,
  );
  t.ok(codes.length > 20, 'the table was found');
  t.same(
    rowsOf('errors.md'),
    codes.map((code) => {
      const { status, closeCode, message } = new GatewayError(code);
      return [`\`${code}\``, String(status), String(closeCode), message];
    }),
  );
});

t.test('metrics: every one of the gateway’s own, with its type', async (t) => {
  const metrics = new Metrics('1.2.3');
  metrics.watch({
    openSockets: () => [],
    certificateExpiry: () => 1,
    catalogue: () => ({ ok: true, loadedAt: 1 }),
    jupyterRestarts: () => 0,
    upstreamUp: async () => true,
  });
  const types = [...(await metrics.text()).matchAll(/^# TYPE (spin_\w+) (\w+)$/gm)];
  t.same(
    rowsOf('metrics.md')
      .map(([name, type]) => [...named(name), type])
      .sort(),
    types.map(([, name, type]) => [name, type]).sort(),
  );
});

t.test('exit statuses: every one, and no other', async (t) => {
  const { SIGHUP, SIGINT, SIGTERM } = constants.signals;
  const ends = [0, ...Object.values(statuses), ...[SIGHUP, SIGINT, SIGTERM].map((signal) => 128 + signal)];
  const told = rowsOf('exit-statuses.md').flatMap(([status = '']) => status.split(', ').map(Number));
  t.same(
    told,
    [...ends].sort((one, other) => one - other),
  );
});

t.test('cells: every processor with its options and the settings of its connections', async (t) => {
  const page = read('docs/reference/cells.md');
  const words = { flag: '–', string: 'text', number: 'number' } as const;
  const rowOf = ([option, { type, help }]: [string, Option]) => [`\`--${option}\``, words[type], help];
  t.same(
    rowsOf('cells.md', 'Charts'),
    Object.entries(CHART_OPTIONS).map(rowOf),
    'what all take whose result is a table',
  );
  for (const { name, options, connection } of builtIn) {
    const heading = name === 'python' ? 'Python' : `%%${name}`;
    t.same(
      rowsOf('cells.md', heading),
      Object.entries(options)
        .filter(([, option]) => !Object.values(CHART_OPTIONS).includes(option))
        .map(rowOf),
      heading,
    );
    if (connection === undefined) continue;
    const [chapter = ''] = page
      .split(`## ${heading}\n`)
      .slice(1)
      .flatMap((rest) => rest.split('\n## ')[0] ?? '');
    const [, list = ''] = chapter.split('Settings of its connections: ');
    const { shape } = connection.settings as unknown as { readonly shape: object };
    t.same(named(list), Object.keys(shape), `${heading}: settings`);
    const guide = read('docs/guide/connections.md');
    for (const setting of Object.keys(shape)) t.match(guide, `\`${setting}\``, `the guide names ${setting}`);
  }
  t.same(
    [...page.matchAll(/^## (?:%%)?(\w+)$/gm)].map(([, name = '']) => name.toLowerCase()),
    ['charts', ...builtIn.map(({ name }) => name)],
  );
});
