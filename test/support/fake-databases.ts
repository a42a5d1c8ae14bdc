import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What a database does with a cell's statement, on the socket that it came on. */
export type Misbehave = (socket: Socket) => void;

export interface FakeDatabase {
  readonly port: number;
  readonly user: string;
  close(): Promise<void>;
}

/** A message of PostgreSQL's protocol. */
export function pgMessage(type: string, ...parts: readonly (Buffer | string | number)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(`${part}\0`);
      if (typeof part !== 'number') return part;
      const integer = Buffer.alloc(4);
      integer.writeInt32BE(part);
      return integer;
    }),
  );
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** The head of a result with one column of text. */
export const PG_COLUMNS = Buffer.concat([
  pgMessage('1'),
  pgMessage('2'),
  pgMessage(
    'T',
    Buffer.from([0, 1]),
    't',
    0,
    Buffer.from([0, 0]),
    25,
    Buffer.from([0xff, 0xff]),
    -1,
    Buffer.from([0, 0]),
  ),
]);

/** One row of it. */
export function pgRow(text: string): Buffer {
  return pgMessage('D', Buffer.from([0, 1]), Buffer.byteLength(text), Buffer.from(text));
}

/** Writes the same again and again, as fast as it is taken. */
export function withoutEnd(socket: Socket, piece: Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', more);
  more();
}

/** Speaks enough of PostgreSQL's protocol to let every user in, and never answers a cancel request. */
export async function startFakePostgres(misbehave: Misbehave): Promise<FakeDatabase> {
  const ready = pgMessage('Z', Buffer.from('I'));
  return listen((socket) => {
    let isIn = false;
    let isRunning = false;
    socket.on('data', (chunk) => {
      if (!isIn) {
        // Anything but the start of a session: a request to cancel.
        if (chunk.readInt32BE(4) !== 196_608) return;
        isIn = true;
        socket.write(Buffer.concat([pgMessage('R', 0), pgMessage('K', 1, 2), ready]));
      } else if (chunk[0] === 'Q'.charCodeAt(0)) {
        socket.write(Buffer.concat([pgMessage('C', 'SET'), ready]));
      } else if (!isRunning && chunk[0] === 'P'.charCodeAt(0)) {
        isRunning = true;
        misbehave(socket);
      }
    });
  });
}

/** A packet of MySQL's protocol. */
export function myPacket(number: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  );
  const head = Buffer.alloc(4);
  head.writeUIntLE(body.length, 0, 3);
  head[3] = number % 256;
  return Buffer.concat([head, body]);
}

/** Capabilities: PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION and PLUGIN_AUTH; a salt of twenty bytes. */
const GREETING = `\x0a5.7.0\0\x01\0\0\0saltsalt\0\x00\xa2\x2d\x02\0\x08\0\x15${'\0'.repeat(10)}saltsaltsalt\0mysql_native_password\0`;
const OK = '\0\0\0\x02\0\0\0';
const COM_QUERY = 3;

/** Lets every user in as MySQL does, answers what the gateway asks for itself, and never answers a KILL. */
export async function startFakeMysql(misbehave: Misbehave): Promise<FakeDatabase> {
  return listen((socket) => {
    socket.write(myPacket(0, GREETING));
    socket.once('data', () => {
      socket.write(myPacket(2, OK));
      socket.on('data', (chunk) => {
        const statement = chunk[4] === COM_QUERY ? chunk.toString('latin1', 5) : '';
        if (/^SET NAMES|CURRENT_ROLE/.test(statement)) socket.write(myPacket(1, OK));
        else if (statement !== '' && !statement.startsWith('KILL')) misbehave(socket);
      });
    });
  });
}

async function listen(serve: (socket: Socket) => void): Promise<FakeDatabase> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    user: 'anybody',
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
