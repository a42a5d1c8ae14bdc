import type { CellRecord, Log } from '../log.js';
import { Tally } from '../tally.js';
import type { CellEnded, ConnectionTested, Event, Login, Refusal, Tell } from './events.js';

/**
 * Writes events as lines of the log. Any client can cause most of them without end, so that lines of one kind and one client
 * are held back and counted (`more`, {@link Tally}).
 */
export function logReader(log: Log): Tell {
  const tally = new Tally();
  /** A line that says nothing new of the same client soon after another one is counted with the next. */
  const rarely = (
    kind: string,
    level: 'debug' | 'warn' | 'error',
    line: Readonly<Record<string, unknown>>,
    message: string,
  ) => tally.tell(kind, (more) => log[level](more > 0 ? { ...line, more } : line, message));

  const login = ({ request, address, carrier, outcome, reason }: Login) => {
    const line = { event: 'login', request, address, carrier };
    if (outcome === 'success') log.info({ ...line, outcome }, 'logged in');
    else
      rarely(
        `login ${carrier} ${reason} ${address}`,
        'warn',
        { ...line, outcome: 'failure', reason },
        'login failed',
      );
  };
  const refusal = ({ kind, message, ...about }: Refusal) => {
    const line = { event: kind, ...about };
    rarely(`${about.code} ${about.address}`, levelOf(about.code), line, message);
  };

  return (event) => {
    switch (event.kind) {
      case 'login':
        return login(event);
      case 'refusal':
        return refusal(event);
      case 'connection tested':
        return log.info(connectionTest(event), 'a connection was tested');
      case 'cell ended':
        return log.info(cellRecord(event), 'cell');
      case 'cell not rewritten': {
        const { request, fault, kernel, processor } = event;
        const kind = `not rewritten ${processor} ${kernel} ${fault.kind}`;
        return rarely(kind, 'error', { request, fault, kernel, processor }, 'a cell could not be rewritten');
      }
      case 'brokered failed': {
        const { request, fault, type: processor } = event;
        return log.error({ request, fault, processor }, 'a brokered request failed');
      }
      case 'question forged': {
        const { request, page } = event;
        const message = 'a question that its cell did not ask was refused';
        return rarely(`refused question ${request}`, 'warn', { request, page }, message);
      }
      case 'question too long': {
        const { request, bytes } = event;
        return log.warn({ request, bytes }, 'a question that is too long was refused');
      }
      case 'answer dropped': {
        const message = 'an answer that nothing asked for was dropped';
        return rarely(`dropped answer ${event.address}`, 'warn', withoutKind(event), message);
      }
      case 'client left':
        return log.info(withoutKind(event), 'a client left; what waits for it continues');
      case 'kernel socket closed': {
        const kind = `closed ${event.code} ${event.address}`;
        return rarely(kind, 'warn', withoutKind(event), 'a kernel websocket was closed');
      }
    }
  };
}

function levelOf(code: Refusal['code']): 'debug' | 'warn' | 'error' {
  if (code === 'INTERNAL') return 'error';
  // Waiting for Jupyter is not a refusal: the page asks every two seconds.
  return code === 'UPSTREAM_STARTING' ? 'debug' : 'warn';
}

function connectionTest({ request, connection, works, principal, address }: ConnectionTested) {
  return { event: 'connection test', request, connection, works, principal, address };
}

function cellRecord({ kind: _, outcome, seconds, ...who }: CellEnded): CellRecord {
  return { ...who, status: outcome, duration_ms: Math.round(seconds * 1000) };
}

function withoutKind({ kind: _, ...line }: Event): Readonly<Record<string, unknown>> {
  return line;
}
