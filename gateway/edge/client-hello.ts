import type { Socket } from 'node:net';

/** What a TLS client says before anything is encrypted: the name that it calls, and the protocols that it offers. */
export interface ClientHello {
  /** Server name indication (RFC 6066 section 3), lower case; undefined when it names none. */
  readonly serverName: string | undefined;
  /** Application protocols (RFC 7301 section 3.1), in the client's order. */
  readonly protocols: readonly string[];
}

const RECORD_HEADER_BYTES = 5;
/** RFC 8446 section 4.2. */
const SERVER_NAME_EXTENSION = 0;
const ALPN_EXTENSION = 16;

/**
 * Waits for a connection's first TLS record and reads the greeting in it. The bytes are back in the socket
 * afterwards; it is paused. Node chooses a certificate before it looks at the client's protocols, so code that
 * needs them for the choice has to look first.
 *
 * @param done called once; `left` when the peer went away; undefined for what is no greeting in one record
 */
export function readClientHello(
  socket: Socket,
  done: (hello: ClientHello | 'left' | undefined) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const finish = (hello: ClientHello | 'left' | undefined): void => {
    socket.off('data', onData).off('end', onLeave).off('close', onLeave);
    socket.pause();
    if (bytes.length > 0) socket.unshift(bytes);
    done(hello);
  };
  const onLeave = (): void => finish('left');
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length >= RECORD_HEADER_BYTES && bytes.length >= RECORD_HEADER_BYTES + bytes.readUInt16BE(3))
      finish(parseClientHello(bytes));
  };
  // It was paused when its first byte had been looked at.
  socket.on('data', onData).on('end', onLeave).on('close', onLeave).resume();
}

/**
 * Reads a ClientHello (RFC 8446 section 4.1.2) that lies whole in the first record.
 *
 * @returns undefined for anything else: OpenSSL then says what it thinks of it
 */
export function parseClientHello(bytes: Buffer): ClientHello | undefined {
  try {
    const record = new Reader(bytes);
    record.skip(3);
    const handshake = new Reader(record.vector(2));
    if (handshake.number(1) !== 1) return undefined;
    const hello = new Reader(handshake.vector(3));
    // legacy_version and random; then session identifier, cipher suites, compression methods.
    hello.skip(34);
    hello.vector(1);
    hello.vector(2);
    hello.vector(1);
    const extensions = new Reader(hello.vector(2));
    let serverName: string | undefined;
    let protocols: readonly string[] = [];
    while (extensions.more) {
      const type = extensions.number(2);
      const body = new Reader(extensions.vector(2));
      if (type === SERVER_NAME_EXTENSION) serverName = readServerName(new Reader(body.vector(2)));
      else if (type === ALPN_EXTENSION) protocols = readProtocols(new Reader(body.vector(2)));
    }
    return { serverName, protocols };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readServerName(list: Reader): string | undefined {
  while (list.more) {
    const type = list.number(1);
    const name = list.vector(2);
    if (type === 0) return name.toString('latin1').toLowerCase();
  }
  return undefined;
}

function readProtocols(list: Reader): string[] {
  const protocols: string[] = [];
  while (list.more) protocols.push(list.vector(1).toString('latin1'));
  return protocols;
}

/** TLS's presentation language (RFC 8446 section 3). Every method throws RangeError where bytes are missing. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get more(): boolean {
    return this.#at < this.#bytes.length;
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** @param size 1 to 3 bytes */
  number(size: number): number {
    return this.#take(size).readUIntBE(0, size);
  }

  /** A vector behind its length of 1 to 3 bytes. */
  vector(lengthSize: number): Buffer {
    return this.#take(this.number(lengthSize));
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('the bytes end early');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
