import t from 'tap';
import { bareHost, isLoopback } from '../../processors/core/loopback.js';

t.test('what stays on this machine', async (t) => {
  for (const host of ['localhost', '127.0.0.1', '127.255.0.9', '::1', '0:0:0:0:0:0:0:1', '0::1'])
    t.ok(isLoopback(host), host);
  for (const host of [
    '127.example.com',
    '127.0.0.1.example.com',
    '127.1.evil',
    '128.0.0.1',
    '0.0.0.0',
    '::',
    '::2',
    '::ffff:127.0.0.1',
    'db.localhost',
    'localhost.example.com',
    '',
  ])
    t.notOk(isLoopback(host), host);
  t.equal(bareHost(new URL('http://[::1]:80/').hostname), '::1');
  t.equal(bareHost('example.com'), 'example.com');
});
