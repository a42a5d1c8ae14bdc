import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import t from 'tap';
import { startFront } from '../support/front.js';
import { startRecorder } from '../support/recorder.js';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** What buffers, the heap's slack and the test's own two ends may take beside the proxy. */
const GROWTH_LIMIT = 250 * MIB;

// Five GiB through two sockets of one process.
t.setTimeout(300_000);

/** Highest memory use while something runs, in bytes. */
function watchMemory(): () => number {
  let peak = process.memoryUsage().rss;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 20);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

t.test('5 GiB reach a slow reader with flat memory', async (t) => {
  const total = 5 * GIB;
  const block = Buffer.alloc(MIB, 'x');
  const recorder = await startRecorder((_req, res) => {
    let left = total / block.length;
    res.writeHead(200, { 'content-length': total });
    new Readable({
      read() {
        this.push(left-- > 0 ? block : null);
      },
    }).pipe(res);
  });
  const front = await startFront(() => recorder.upstream);
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  const base = process.memoryUsage().rss;
  const peak = watchMemory();
  const socket = connect(front.port, '127.0.0.1');
  socket.write('GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
  let read = 0;
  let breaks = 0;
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    read += chunk.length;
    // The slow reader: it rests once every 256 MiB, long enough for all buffers to fill.
    if (Math.floor(read / (256 * MIB)) === breaks) return;
    breaks += 1;
    socket.pause();
    setTimeout(() => socket.resume(), 300);
  });
  await once(socket, 'close');
  t.ok(read > total && read < total + 1000, `${read} bytes`);
  t.ok(peak() - base < GROWTH_LIMIT, `${Math.round((peak() - base) / MIB)} MiB more`);
});

t.test('1 GiB is uploaded to a slow upstream with flat memory', async (t) => {
  const total = GIB;
  const block = Buffer.alloc(MIB, 'x');
  const recorder = await startRecorder((req, res) => {
    let read = 0;
    let breaks = 0;
    req.on('data', (chunk: Buffer) => {
      read += chunk.length;
      if (Math.floor(read / (128 * MIB)) === breaks) return;
      breaks += 1;
      req.pause();
      setTimeout(() => req.resume(), 300);
    });
    req.on('end', () => res.end(String(read)));
  });
  const front = await startFront(() => recorder.upstream);
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  const base = process.memoryUsage().rss;
  const peak = watchMemory();
  const asked = request(`${front.url}/up`, { method: 'PUT', headers: { 'content-length': total } });
  const answered = once(asked, 'response');
  for (let sent = 0; sent < total; sent += block.length) {
    if (!asked.write(block)) await once(asked, 'drain');
  }
  asked.end();
  const [response] = await answered;
  t.equal(String(Buffer.concat(await response.toArray())), String(total));
  t.ok(peak() - base < GROWTH_LIMIT, `${Math.round((peak() - base) / MIB)} MiB more`);
});
