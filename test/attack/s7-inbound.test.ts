import t from 'tap';
import { ask, exchange, parseAnswer, plain, startEdge, tls } from '../support/edge.js';

const host = 'host: localhost\r\n';
const chunked = `POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n`;

/** What two servers could read differently, by name. */
const ambiguous = {
  'Content-Length and chunked': `POST / HTTP/1.1\r\n${host}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  'chunked and Content-Length': `POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n`,
  'two Content-Lengths': `POST / HTTP/1.1\r\n${host}content-length: 5\r\ncontent-length: 6\r\n\r\n12345`,
  'the same Content-Length twice': `POST / HTTP/1.1\r\n${host}content-length: 5\r\ncontent-length: 5\r\n\r\n12345`,
  'a list as Content-Length': `POST / HTTP/1.1\r\n${host}content-length: 5, 5\r\n\r\n12345`,
  'a signed Content-Length': `POST / HTTP/1.1\r\n${host}content-length: +5\r\n\r\n12345`,
  'a hexadecimal Content-Length': `POST / HTTP/1.1\r\n${host}content-length: 0x5\r\n\r\n12345`,
  'a negative Content-Length': `POST / HTTP/1.1\r\n${host}content-length: -1\r\n\r\n`,
  'space before the colon': `POST / HTTP/1.1\r\n${host}content-length : 5\r\n\r\n12345`,
  'an unknown transfer coding': `POST / HTTP/1.1\r\n${host}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n`,
  'a coding before chunked': `POST / HTTP/1.1\r\n${host}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  'chunked, then identity': `POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n`,
  'chunked twice': `POST / HTTP/1.1\r\n${host}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  'a vertical tab before chunked': `POST / HTTP/1.1\r\n${host}transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n`,
  'chunked in HTTP/1.0': `POST / HTTP/1.0\r\n${host}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  'two Hosts': `GET / HTTP/1.1\r\n${host}host: evil.example\r\n\r\n`,
  'a folded header': `GET / HTTP/1.1\r\n${host}x: b\r\n c\r\n\r\n`,
  'a header folded by a tab': `GET / HTTP/1.1\r\n${host}x: b\r\n\tc\r\n\r\n`,
  'a folded Transfer-Encoding': `POST / HTTP/1.1\r\n${host}transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  'space before the first header': `GET / HTTP/1.1\r\n ${host}\r\n`,
  'bare LF everywhere': 'GET / HTTP/1.1\nhost: localhost\n\n',
  'bare LF after a header': `GET / HTTP/1.1\r\n${host}x: y\nz: 1\r\n\r\n`,
  'bare LF at the end of the headers': `GET / HTTP/1.1\r\n${host}\n`,
  'bare CR in a header': 'GET / HTTP/1.1\r\nhost: localhost\rx: y\r\n\r\n',
  'NUL in a header': `GET / HTTP/1.1\r\n${host}x: a\0b\r\n\r\n`,
  'no HTTP version': 'GET /\r\n\r\n',
  'HTTP/1.2': `GET / HTTP/1.2\r\n${host}\r\n`,
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a tunnel': `CONNECT localhost:80 HTTP/1.1\r\n${host}\r\n`,
  'a body in an upgrade': `POST / HTTP/1.1\r\n${host}upgrade: websocket\r\nconnection: upgrade\r\ncontent-length: 5\r\n\r\n12345`,
  'chunks in an upgrade': `GET / HTTP/1.1\r\n${host}upgrade: websocket\r\nconnection: upgrade\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  'a chunk size ended by LF': `${chunked}1\nZ\r\n0\r\n\r\n`,
  'a chunk size with a space': `${chunked}1 \r\nZ\r\n0\r\n\r\n`,
  'a chunk size with 0x': `${chunked}0x1\r\nZ\r\n0\r\n\r\n`,
  'a chunk size beyond 64 bits': `${chunked}fffffffffffffffff\r\nZ\r\n0\r\n\r\n`,
  'a chunk extension ended by LF': `${chunked}1;a\nZ\r\n0\r\n\r\n`,
  'a chunk longer than its size': `${chunked}1\r\nZZ\r\n0\r\n\r\n`,
  'a method that is none': `G@T / HTTP/1.1\r\n${host}\r\n`,
  garbage: '\x01\x02\x03garbage\r\n\r\n',
};

const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n';

t.test('S7: what two servers could read differently gets one 400 and the connection is closed', async (t) => {
  const edge = await startEdge();
  t.teardown(() => edge.close());
  for (const [name, bytes] of Object.entries(ambiguous)) {
    for (const over of [plain, tls]) {
      const { text, closed } = await exchange(over(edge.port), bytes + smuggled);
      t.match(
        parseAnswer(text),
        { status: 400, code: 'BAD_REQUEST', headers: { connection: 'close' } },
        name,
      );
      t.equal(text.match(/HTTP\/1\.1 /g)?.length, 1, `${name}: one answer`);
      t.ok(closed, `${name}: closed`);
    }
    const alone = await exchange(plain(edge.port), bytes);
    t.match(parseAnswer(alone.text), { status: 400 }, `${name}, with nothing behind it`);
  }
  t.notOk(edge.lines.some((line) => line.includes('"level":50')));
});

t.test('S7: well-formed requests with the same parts are taken', async (t) => {
  const edge = await startEdge();
  t.teardown(() => edge.close());
  const close = 'connection: close\r\n';
  for (const [bytes, size] of [
    [`POST / HTTP/1.1\r\n${host}${close}content-length: 5\r\n\r\n12345`, 5],
    [
      `POST / HTTP/1.1\r\n${host}${close}Transfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n`,
      3,
    ],
    [`DELETE / HTTP/1.1\r\n${host}${close}transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`, 2],
    [`GET / HTTP/1.0\r\n${host}\r\n`, 0],
    [`\r\n\r\nGET / HTTP/1.1\r\n${host}${close}\r\n`, 0],
  ] as const) {
    t.match(parseAnswer((await exchange(plain(edge.port), bytes)).text).echo, { size });
  }
});

t.test('S7: an answer to malformed bytes never lands in the middle of another answer', async (t) => {
  const edge = await startEdge();
  t.teardown(() => edge.close());
  const slow = `POST /first HTTP/1.1\r\n${host}content-length: 5\r\n\r\n12345`;
  const { text } = await exchange(
    plain(edge.port),
    `${slow}GET / HTTP/1.1\r\n${host}\r\n\x01garbage\r\n\r\n`,
  );
  const answers = text.split(/(?=HTTP\/1\.1 )/).filter((answer) => answer !== '');
  for (const answer of answers) {
    const { headers, body } = parseAnswer(answer);
    t.equal(body.length, Number(headers['content-length'] ?? body.length));
  }
  t.equal((await ask(edge, '/')).status, 200);
});

t.test('S7: an Expect that nobody knows gets 400, and its body is nobody’s next request', async (t) => {
  const edge = await startEdge();
  t.teardown(() => edge.close());
  const head = 'POST / HTTP/1.1\r\nhost: localhost\r\nexpect: anything\r\ncontent-length: 44\r\n\r\n';
  const { text, closed } = await exchange(
    plain(edge.port),
    `${head}GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n`,
  );
  t.match(parseAnswer(text), { status: 400, code: 'BAD_REQUEST' });
  t.equal(text.split('HTTP/1.1').length, 2);
  t.ok(closed);
});
