import type { Socket } from 'node:net';

const BEGINNING = Buffer.from('HTTP/1.1 100 ');
const HEAD_END = '\r\n\r\n';

/** The longest head, in bytes. */
const LONGEST = 16 * 1024;

/**
 * Takes 100 (Continue) out of a server's answer. Some servers send it unasked. RFC 9110 section 15.2.1 lets a client
 * discard it, but undici takes it for the end of the connection. It can only come before an answer begins.
 */
export function discardContinue(socket: Socket): void {
  let begins = false;
  let held: Buffer = Buffer.alloc(0);
  socket.write = new Proxy(socket.write, {
    apply(write, self, parts) {
      begins = true;
      return Reflect.apply(write, self, parts);
    },
  });
  socket.read = new Proxy(socket.read, {
    apply(read, self, parts) {
      const chunk: unknown = Reflect.apply(read, self, parts);
      if (!begins || !Buffer.isBuffer(chunk)) return chunk;
      let data = held.length > 0 ? Buffer.concat([held, chunk]) : chunk;
      while (data.subarray(0, BEGINNING.length).equals(BEGINNING)) {
        const end = data.indexOf(HEAD_END);
        if (end < 0) break;
        data = data.subarray(end + HEAD_END.length);
      }
      const mayBe = data.subarray(0, BEGINNING.length).equals(BEGINNING.subarray(0, data.length));
      held = mayBe && data.length < LONGEST ? data : Buffer.alloc(0);
      if (mayBe && data.length < LONGEST) return null;
      begins = false;
      return data;
    },
  });
}
