import t from 'tap';
import { printSummary } from '../gateway/commands/summary.js';
import { forPeople } from '../gateway/people-log.js';
import { createScreen } from '../gateway/screen.js';

/** What is written to a terminal, and what stands on it in the end. */
function terminal(columns: number, environment: NodeJS.ProcessEnv = {}) {
  const written: string[] = [];
  const write = (text: unknown) => written.push(String(text)) > 0;
  const screen = createScreen({ isTTY: true, columns, write }, environment);
  return { screen, written, seen: () => shownBy(written.join('')) };
}

/** The lines that a terminal shows: `\\r` and `ESC [K` begin the line anew. */
function shownBy(text: string): string[] {
  return text.split('\n').map((line) => line.slice(line.lastIndexOf('\r') + 1).replace('\x1b[K', ''));
}

const record = (level: string, msg: string, more: object = {}) =>
  `${JSON.stringify({ level, time: '2026-11-29T16:00:00.000Z', ...more, msg })}\n`;

t.test('A1: progress is one line, written over; what is logged meanwhile stands above it', async (t) => {
  const { screen, seen } = terminal(40, { NO_COLOR: '1' });
  for (let i = 1; i <= 25; i++)
    screen.progress(`Downloading Jupyter: package-${i} (${i} of 25 packages, 0:01)`);
  t.equal(seen().length, 1);
  t.equal(seen()[0], 'Downloading Jupyter: package-25 (25 of…', 'and never wider than the terminal');
  screen.log?.(record('info', 'made a certificate'));
  t.match(seen(), [/^\d\d:\d\d:\d\d made a certificate$/, /^Downloading Jupyter: package-25/]);
  t.same(screen.settle(), []);
  t.same(seen().slice(1), [''], 'nothing of it is left');
});

t.test('A1: warnings of the start are kept for its end, later ones come at once', async (t) => {
  const { screen, seen } = terminal(80, { NO_COLOR: '1' });
  screen.log?.(record('warn', 'both run as the same user'));
  screen.log?.(record('error', 'Jupyter did not start', { output: 'one\ntwo' }));
  t.match(seen(), [/ error: Jupyter did not start {2}output=one$/, /^ +two$/, '']);
  t.same(screen.settle(), ['both run as the same user']);
  screen.log?.(record('warn', 'later'));
  t.match(seen().at(-2), / warning: later$/);
});

t.test('A1: NO_COLOR and TERM=dumb are heeded, and what is no terminal gets lines and JSON', async (t) => {
  const said = (environment: NodeJS.ProcessEnv) => {
    const { screen, written } = terminal(80, environment);
    screen.progress('one');
    screen.progress('two');
    screen.settle();
    screen.log?.(record('warn', 'w'));
    return written.join('');
  };
  t.match(said({}), '\x1b[33mwarning:\x1b[0m');
  t.notMatch(said({ NO_COLOR: '1' }), '\x1b[3');
  t.match(said({ NO_COLOR: '' }), '\x1b[33m', 'an empty one is none');
  t.notMatch(said({ TERM: 'dumb' }), /[\x1b\r]/);
  t.match(said({ TERM: 'dumb' }), /^one\ntwo\n/);
  const written: string[] = [];
  const plain = createScreen({ columns: 80, write: (text) => written.push(String(text)) > 0 }, {});
  plain.progress('one');
  plain.progress('two');
  t.same([written.join(''), plain.log], ['one\ntwo\n', undefined]);
});

t.test('A1: a cell is one line of an ordinary terminal', async (t) => {
  const cell = {
    level: 'info',
    time: '2026-11-29T16:00:00.000Z',
    address: '127.0.0.1',
    principal: 'owner',
    kernel: '0b2c1c9e-5a8e-4a56-8a0e-111111111111',
    processor: 'shell',
    source: 'f'.repeat(64),
    status: 'ok',
    duration_ms: 61,
    msg: 'cell',
  };
  const line = forPeople(cell, { coloured: false, columns: 80 });
  t.match(line, /^\d\d:\d\d:\d\d cell %%shell ok 0\.06 s {2}owner@127\.0\.0\.1 {2}kernel 0b2c1c9e$/);
  t.ok(line.length <= 80);
});

t.test('A1: the summary names what to open, the notebooks, the connections and a warning', async (t) => {
  const link = `http://localhost:8888/spin/login?code=${'x'.repeat(300)}`;
  const text = (columns: number) =>
    printSummary(
      {
        link,
        notebooks: '/srv/notebooks',
        connections: { names: ['prod', 'shop'], file: '/etc/c.yaml' },
        warnings: [
          'Notebook code can read the credentials of the gateway, because both run as the same user.',
        ],
      },
      { coloured: false, columns },
    );
  for (const columns of [80, 120]) {
    const lines = text(columns).split('\n');
    t.ok(lines.includes(`open         ${link}`), 'a link stays in one piece');
    t.ok(lines.includes('notebooks    /srv/notebooks'));
    t.ok(lines.includes('connections  2: prod, shop'));
    t.ok(lines.filter((line) => !line.includes(link)).every((line) => line.length <= columns));
  }
  t.match(text(80), /^warning {6}Notebook code .*\n {13}\S/m);
  const none = { link, notebooks: undefined, connections: { names: [], file: '/etc/c.yaml' }, warnings: [] };
  t.match(
    printSummary(none, { coloured: false, columns: 80 }),
    'connections  none; add them to /etc/c.yaml\n',
  );
});
