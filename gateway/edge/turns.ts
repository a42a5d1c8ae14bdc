import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Requests that wait behind another of their connection, of all connections together (invariant S15): some tens of
 * megabytes. Only clients that pipeline make any, and no browser does.
 */
const MOST_WAITING = 8_192;

/** One connection's requests: the one at work, and those that came behind it. */
interface Line {
  answering: ServerResponse | 'upgrade' | undefined;
  readonly waiting: Turn[];
}

interface Turn {
  /** Undefined for an upgrade, after which a connection has no more requests. */
  readonly res: ServerResponse | undefined;
  begin(): void;
}

/** Takes the requests of each connection one after the other. */
export interface Turns {
  /**
   * Calls `begin` when the answers to all requests before have gone: at once, unless the client pipelines.
   *
   * Answers leave in the order of the requests anyhow (RFC 9112 section 9.3.2), so that a client that doesn't read would
   * otherwise make the gateway, and Jupyter, work for answers that only fill memory. While requests wait nothing more is
   * read of their connection: what a client may have open is bounded by what one read brings.
   *
   * @param res undefined for an upgrade
   */
  take(socket: Duplex, res: ServerResponse | undefined, begin: () => void): void;
}

/**
 * @param onCut called when a connection is ended because too many requests wait in all of them. It is the one with the
 *   most waiting requests, so that a client with many requests can't end another's connection
 */
export function createTurns(onCut: (socket: Duplex) => void): Turns {
  const lines = new WeakMap<Duplex, Line>();
  /** Where requests wait. */
  const crowded = new Map<Duplex, Line>();
  let waiting = 0;

  const forget = (socket: Duplex, line: Line): void => {
    waiting -= line.waiting.length;
    line.waiting.length = 0;
    crowded.delete(socket);
  };
  const lineOf = (socket: Duplex): Line => {
    const known = lines.get(socket);
    if (known !== undefined) return known;
    const line: Line = { answering: undefined, waiting: [] };
    lines.set(socket, line);
    // Node reads on by itself when it has done with a request.
    socket.on('resume', () => {
      if (line.waiting.length > 0) socket.pause();
    });
    socket.once('close', () => forget(socket, line));
    return line;
  };

  const begin = (socket: Duplex, line: Line, { res, begin }: Turn): void => {
    line.answering = res ?? 'upgrade';
    res?.once('close', () => {
      // Not at once: a thousand small answers on end would keep every other connection waiting.
      if (line.waiting.length > 0) setImmediate(proceed, socket, line);
      else line.answering = undefined;
    });
    begin();
  };
  const proceed = (socket: Duplex, line: Line): void => {
    const next = line.waiting.shift();
    // The connection is gone, and with it all that waited.
    if (next === undefined) return;
    waiting -= 1;
    if (line.waiting.length === 0) crowded.delete(socket);
    begin(socket, line, next);
    // An upgrade's socket is read by the code that took it over.
    if (line.waiting.length === 0 && next.res !== undefined) socket.resume();
  };
  const cutLongest = (): void => {
    let longest: [Duplex, Line] | undefined;
    for (const each of crowded) {
      if (longest === undefined || each[1].waiting.length > longest[1].waiting.length) longest = each;
    }
    if (longest === undefined) return;
    const [socket, line] = longest;
    forget(socket, line);
    onCut(socket);
    socket.destroy();
  };

  return {
    take(socket, res, start) {
      const line = lineOf(socket);
      if (line.answering === undefined) {
        begin(socket, line, { res, begin: start });
        return;
      }
      if (waiting >= MOST_WAITING) cutLongest();
      if (socket.destroyed) return;
      waiting += 1;
      line.waiting.push({ res, begin: start });
      crowded.set(socket, line);
      if (res !== undefined) socket.pause();
      else passOnDrain(socket, line);
    },
  };
}

/** Node hands an upgrade's socket over and from then on tells no response any more that it may write on. */
function passOnDrain(socket: Duplex, line: Line): void {
  const drained = (): void => {
    if (typeof line.answering === 'object') line.answering.emit('drain');
    else socket.off('drain', drained);
  };
  socket.on('drain', drained);
}
