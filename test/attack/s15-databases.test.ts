import t from 'tap';
import {
  type Misbehave,
  myPacket,
  PG_COLUMNS,
  pgMessage,
  pgRow,
  startFakeMysql,
  startFakePostgres,
  withoutEnd,
} from '../support/fake-databases.js';
import { sqlCells } from '../support/sql-cells.js';

t.setTimeout(180_000);

const row = pgRow('x'.repeat(1000));
const rows = Buffer.concat(new Array<Buffer>(64).fill(row));
const error = pgMessage('E', Buffer.from('SERROR\0CXX000\0Mno\0\0'));
const ready = pgMessage('Z', Buffer.from('I'));

const eof = (number: number) => myPacket(number, Buffer.from([0xfe, 0, 0, 2, 0]));
const column = Buffer.concat([
  Buffer.from('\x03def\0\0\0\x01t\0\x0c', 'latin1'),
  Buffer.from([45, 0, 0xff, 0xff, 0, 0, 253, 0, 0, 0, 0, 0]),
]);
const MY_COLUMNS = Buffer.concat([myPacket(1, Buffer.from([1])), myPacket(2, column), eof(3)]);
const myRow = Buffer.concat([Buffer.from([250]), Buffer.alloc(250, 'x')]);
/** As many rows as there are numbers of packets: they can be repeated. */
const myRows = Buffer.concat(Array.from({ length: 256 }, (_, at) => myPacket(4 + at, myRow)));
const large = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 4]), Buffer.alloc(0xff_ff_ff)]);

const TOO_LONG = /took longer than 1 s/;
const CLOSED = /closed the connection/;
const NONSENSE = /not what such a service sends|closed the connection|the limit is 64 MiB/;

const postgres: Readonly<Record<string, readonly [Misbehave, RegExp]>> = {
  'says nothing': [() => {}, TOO_LONG],
  'sends columns and nothing more': [(socket) => socket.write(PG_COLUMNS), TOO_LONG],
  'sends some rows and nothing more': [(socket) => socket.write(Buffer.concat([PG_COLUMNS, rows])), TOO_LONG],
  'ends a statement and never the request': [
    (socket) => socket.write(Buffer.concat([PG_COLUMNS, row, pgMessage('C', 'SELECT 1')])),
    TOO_LONG,
  ],
  'sends rows without end': [
    (socket) => {
      socket.write(PG_COLUMNS);
      withoutEnd(socket, rows);
    },
    NONSENSE,
  ],
  'sends notices without end': [
    (socket) => withoutEnd(socket, pgMessage('N', Buffer.from(`SNOTICE\0M${'x'.repeat(60_000)}\0\0`))),
    TOO_LONG,
  ],
  'sends a copy without end': [
    (socket) => {
      socket.write(Buffer.concat([pgMessage('1'), pgMessage('2'), pgMessage('H', Buffer.from([0, 0, 0]))]));
      withoutEnd(socket, pgMessage('d', Buffer.alloc(60_000)));
    },
    TOO_LONG,
  ],
  'says that a huge row comes': [
    (socket) => socket.write(Buffer.concat([PG_COLUMNS, Buffer.from([0x44, 0x7f, 0xff, 0xff, 0xff])])),
    /A row of the result is 2,048 MiB: the limit is 64 MiB/,
  ],
  'asks for a copy, and again': [
    (socket) => withoutEnd(socket, pgMessage('G', Buffer.from([0, 0, 0]))),
    NONSENSE,
  ],
  'tells two errors': [(socket) => socket.write(Buffer.concat([error, error, ready])), /ERROR: no/],
  'tells an error behind the end': [
    (socket) => socket.write(Buffer.concat([PG_COLUMNS, row, pgMessage('C', 'SELECT 1'), error, ready])),
    /ERROR: no/,
  ],
  'closes at once': [(socket) => socket.destroy(), CLOSED],
  'closes behind the columns': [(socket) => socket.end(PG_COLUMNS), CLOSED],
  'closes in a row': [(socket) => socket.end(Buffer.concat([PG_COLUMNS, row.subarray(0, 50)])), CLOSED],
  'closes behind a statement': [
    (socket) => socket.end(Buffer.concat([PG_COLUMNS, row, pgMessage('C', 'SELECT 1')])),
    CLOSED,
  ],
  'sends rows that nothing announced': [
    (socket) => socket.write(Buffer.concat([row, ready])),
    /^$|what such/,
  ],
  'sends nonsense': [(socket) => socket.write(Buffer.alloc(100_000, 0xaa)), NONSENSE],
};

const mariadb: Readonly<Record<string, readonly [Misbehave, RegExp]>> = {
  'says nothing': [() => {}, TOO_LONG],
  'sends columns and nothing more': [(socket) => socket.write(MY_COLUMNS), TOO_LONG],
  'sends rows without end': [
    (socket) => {
      socket.write(MY_COLUMNS);
      withoutEnd(socket, myRows);
    },
    // As many as were asked for are there: it is no failure.
    /^$/,
  ],
  'sends a huge row': [
    (socket) => {
      socket.write(MY_COLUMNS);
      withoutEnd(socket, large);
    },
    /A row of the result is larger than 64 MiB|what such a service sends/,
  ],
  'sends empty packets without end': [
    (socket) => {
      socket.write(MY_COLUMNS);
      withoutEnd(socket, Buffer.alloc(60_000));
    },
    NONSENSE,
  ],
  'closes at once': [(socket) => socket.destroy(), CLOSED],
  'closes behind the columns': [(socket) => socket.end(MY_COLUMNS), CLOSED],
  'closes in a row': [(socket) => socket.end(Buffer.concat([MY_COLUMNS, myRows.subarray(0, 300)])), CLOSED],
  // It reads as a packet of 11 MB, of which the rest never comes.
  'sends nonsense': [(socket) => socket.write(Buffer.alloc(100_000, 0xaa)), TOO_LONG],
};

const fakes = {
  postgres: [startFakePostgres, postgres],
  mysql: [startFakeMysql, mariadb],
} as const;
for (const driver of ['postgres', 'mysql'] as const) {
  const [start, behaviours] = fakes[driver];
  for (const [what, [misbehave, sentence]] of Object.entries(behaviours)) {
    t.test(`X10: S15: a ${driver} server that ${what} costs its own cell alone`, async (t) => {
      const database = await start(misbehave);
      t.teardown(() => database.close());
      const before = process.memoryUsage.rss();
      const since = performance.now();
      // Beside those that hog the processor, an answer may take longer than a second too.
      const options = `--limit 20000 --timeout ${sentence === TOO_LONG ? 1 : 60}`;
      const { error, memory } = await sqlCells(driver, database).weigh('select t', options);
      t.match(error, sentence);
      t.ok(performance.now() - since < 50_000, 'it ends by itself, not with its time');
      t.notMatch(error, /its log says more/, 'it is no fault of the gateway');
      t.ok(memory - before < 400e6, `grew by ${Math.round((memory - before) / 1e6)} MB`);
    });
  }
}

for (const driver of ['postgres', 'mysql'] as const) {
  t.test(`X10: S15: a ${driver} server that never greets ends with the time of its cell`, async (t) => {
    const { createServer } = await import('node:net');
    const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    t.teardown(() => server.close());
    const { port } = server.address() as { port: number };
    const closed = new Promise((resolve) =>
      server.once('connection', (socket) => socket.resume().once('close', resolve)),
    );
    const cells = sqlCells(driver, { port, user: 'anybody', close: async () => {} });
    t.match((await cells.perform('select 1', {}, '--timeout 1')).error, TOO_LONG);
    await closed;
    t.pass('and nothing stays open');
  });
}
