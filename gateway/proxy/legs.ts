import type { RawData, WebSocket } from 'ws';

/** Between the pings of a leg; below the idle limit of common proxies and NATs (nginx: 60 s). */
const PING_INTERVAL_MS = 30_000;

/** A writer pauses above `HIGH` bytes that its reader hasn't taken, and goes on below `LOW`. */
const HIGH_WATER_BYTES = 4 * 1024 * 1024;
const LOW_WATER_BYTES = 1024 * 1024;

/** What a websocket runs over: `net.Socket`, `tls.TLSSocket`. */
export interface Transport {
  readonly bytesRead: number;
}

/**
 * Pings one leg of a proxied websocket and ends it when a whole interval brings no sign of life: no byte came (a
 * pong, or a part of a large message), and none of what waits to be sent was taken. A leg that the gateway itself
 * paused can't show one and isn't judged.
 *
 * @param interval milliseconds between pings
 */
export function keepAlive(socket: WebSocket, transport: Transport, interval = PING_INTERVAL_MS): void {
  let read = -1;
  let waiting = 0;
  let wasPaused = true;
  const timer = setInterval(() => {
    const alive = transport.bytesRead !== read || socket.bufferedAmount < waiting;
    const judged = !socket.isPaused && !wasPaused;
    if (judged && !alive) {
      socket.terminate();
      return;
    }
    read = transport.bytesRead;
    wasPaused = socket.isPaused;
    // Without the ping: to hand that over to the system says nothing of the peer, and over TLS it waits a moment too.
    waiting = socket.bufferedAmount;
    if (socket.readyState === socket.OPEN) socket.ping();
  }, interval);
  timer.unref();
  socket.on('close', () => clearInterval(timer));
}

/**
 * Lets the system acknowledge at once what Jupyter sends over TCP. Tornado leaves Nagle's algorithm on, so its second
 * small message (RFC 1122 section 4.2.3.4) waits for the acknowledgement of the first, which Linux delays by 40 ms
 * unless something is sent: a cell took 48 ms instead of 5. An unsolicited pong (RFC 6455 section 5.5.3) takes it
 * along, one for everything that came in one piece.
 */
export function acknowledge(socket: WebSocket): void {
  let due = false;
  const send = () => {
    due = false;
    if (socket.readyState === socket.OPEN && socket.bufferedAmount === 0) socket.pong();
  };
  socket.on('message', () => {
    if (!due) setImmediate(send);
    due = true;
  });
}

/** What can be told to wait: a websocket, or a queue in front of one. */
export interface Source {
  pause(): void;
  resume(): void;
}

/**
 * Gives a function that sends to `target` and makes `source` wait while `target` doesn't keep up (invariant S15).
 * What is sent to a socket that is closing is dropped.
 */
export function sender(target: WebSocket, source: Source): (data: RawData | string, binary: boolean) => void {
  let full = false;
  const sent = () => {
    if (!full || target.bufferedAmount > LOW_WATER_BYTES) return;
    full = false;
    source.resume();
  };
  // A closed target takes nothing more, but its source must still read its own close frame.
  target.on('close', () => {
    full = false;
    source.resume();
  });
  return (data, binary) => {
    if (target.readyState !== target.OPEN) return;
    target.send(data, { binary, compress: false }, sent);
    if (full || target.bufferedAmount <= HIGH_WATER_BYTES) return;
    full = true;
    source.pause();
  };
}

/**
 * Closes one leg the way the other was closed. 1005, 1006 and 1015 stand for "no close frame" and can't be sent
 * (RFC 6455 section 7.4.1): a missing code stays missing, a lost connection becomes `lost`.
 *
 * @param lost 1001 (going away) towards Jupyter, 1014 (bad gateway) towards a client
 */
export function closeLike(target: WebSocket, code: number, reason: Buffer, lost: 1001 | 1014): void {
  // A paused leg would never read the answering close frame.
  target.resume();
  if (code === 1005) target.close();
  else if (isSendable(code)) target.close(code, reason);
  else target.close(lost);
}

/** The codes that an endpoint may put into a close frame (RFC 6455 section 7.4, IANA's registry up to 1014). */
function isSendable(code: number): boolean {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

/**
 * Joins a client's websocket and Jupyter's, frame by frame and unread, until either closes. Both come from
 * `accept` and `dial`: paused, with an error listener, pinged.
 */
export function join(client: WebSocket, upstream: WebSocket): void {
  const toUpstream = sender(upstream, client);
  const toClient = sender(client, upstream);
  client.on('message', toUpstream);
  upstream.on('message', toClient);
  client.on('close', (code, reason) => closeLike(upstream, code, reason, 1001));
  upstream.on('close', (code, reason) => closeLike(client, code, reason, 1014));
  client.resume();
  upstream.resume();
}
