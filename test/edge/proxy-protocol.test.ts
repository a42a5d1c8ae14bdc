import t from 'tap';
import { parseProxyHeader } from '../../gateway/edge/proxy-protocol.js';

const signature = '0d0a0d0a000d0a515549540a';

/** A version 2 header with its length filled in. */
function v2(command: string, family: string, body: string): Buffer {
  const bytes = Buffer.from(body, 'hex');
  const length = bytes.length.toString(16).padStart(4, '0');
  return Buffer.concat([Buffer.from(signature + command + family + length, 'hex'), bytes]);
}

const ipv4 = 'c0000207' + 'cb007101' + 'dc04' + '01bb';
const ipv6 = '20010db8000000000000000000000001' + '20010db8000000000000000000000002' + 'dc04' + '01bb';

function source(bytes: Buffer) {
  const header = parseProxyHeader(bytes);
  return header.kind === 'present' ? header.source : header.kind;
}

t.test('version 1 gives the source of TCP4 and TCP6', async (t) => {
  t.same(source(Buffer.from('PROXY TCP4 192.0.2.7 203.0.113.1 56324 443\r\n')), {
    address: '192.0.2.7',
    port: 56324,
    encrypted: false,
  });
  t.same(source(Buffer.from('PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n')), {
    address: '2001:db8::1',
    port: 56324,
    encrypted: false,
  });
});

t.test('version 2 gives the source of TCP over IPv4 and IPv6', async (t) => {
  t.same(source(v2('21', '11', ipv4)), { address: '192.0.2.7', port: 56324, encrypted: false });
  t.same(source(v2('21', '21', ipv6)), { address: '2001:db8::1', port: 56324, encrypted: false });
});

t.test('the length says where the next protocol begins', async (t) => {
  for (const header of [Buffer.from('PROXY UNKNOWN\r\n'), v2('21', '11', ipv4), v2('20', '00', '')]) {
    const parsed = parseProxyHeader(Buffer.concat([header, Buffer.from('GET / HTTP/1.1\r\n')]));
    t.match(parsed, { kind: 'present', length: header.length });
  }
});

t.test('a health check or an unknown family leaves the real peer', async (t) => {
  t.equal(source(Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n')), undefined);
  t.equal(source(v2('20', '11', ipv4)), undefined);
  t.equal(source(v2('21', '00', '')), undefined);
  t.equal(source(v2('21', '31', '00'.repeat(216))), undefined);
});

t.test('the TLS field of version 2 says whether the client leg is encrypted', async (t) => {
  const field = (flags: string) => `200005${flags}00000000`;
  t.match(source(v2('21', '11', `${ipv4}${field('01')}`)), { encrypted: true });
  t.match(source(v2('21', '11', `${ipv4}040000${field('07')}`)), { encrypted: true });
  t.match(source(v2('21', '11', `${ipv4}${field('00')}`)), { encrypted: false });
});

t.test('every prefix of a header asks for more', async (t) => {
  for (const header of [
    v2('21', '21', ipv6),
    Buffer.from('PROXY TCP4 192.0.2.7 203.0.113.1 56324 443\r\n'),
  ]) {
    for (let length = 1; length < header.length; length += 1) {
      t.equal(parseProxyHeader(header.subarray(0, length)).kind, 'incomplete', `${length} bytes`);
    }
  }
});

t.test('TLS and HTTP are no PROXY header, also methods that begin alike', async (t) => {
  for (const start of ['\x16\x03\x01', 'GET ', 'PUT /', 'PROPFIND /', 'PROXYISH', '\r\n\r\nGET']) {
    t.equal(parseProxyHeader(Buffer.from(start, 'latin1')).kind, 'absent', start);
  }
});

t.test('malformed headers are told', async (t) => {
  const bad = [
    'PROXY TCP4 192.0.2.7 203.0.113.1 56324\r\n',
    'PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n',
    'PROXY TCP4 192.0.2.7 203.0.113.1 65536 443\r\n',
    'PROXY TCP4 192.0.2.7 203.0.113.1 01 443\r\n',
    'PROXY TCP4 192.0.2.7 203.0.113.1 1 2 3\r\n',
    'PROXY TCP4  192.0.2.7 203.0.113.1 1 2\r\n',
    'PROXY UDP4 192.0.2.7 203.0.113.1 1 2\r\n',
    `PROXY UNKNOWN ${'x'.repeat(120)}\r\n`,
  ].map((line) => Buffer.from(line));
  const truncated = v2('21', '11', ipv4.slice(0, 16));
  const field = v2('21', '11', `${ipv4}20ffff01`);
  const halfField = v2('21', '11', `${ipv4}2000`);
  for (const bytes of [...bad, v2('11', '11', ipv4), v2('22', '11', ipv4), truncated, field, halfField]) {
    t.equal(parseProxyHeader(bytes).kind, 'malformed', bytes.toString('latin1'));
  }
});
