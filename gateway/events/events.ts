import type { Refusal as Code } from '../errors.js';
import type { Fault } from '../fault.js';
import type { BrokeredOutcome, CellOutcome, Route } from '../metrics.js';

/** The client and the request that an event is about. */
interface From {
  /** The request's id; of a websocket, the upgrade's. */
  readonly request: string;
  /** The client's, after trusted proxies. */
  readonly address: string;
}

interface FromPrincipal extends From {
  /** Its name. */
  readonly principal: string;
}

/** A token or a login code was shown: by form, link, query, header or subprotocol. */
export interface Login extends From {
  readonly kind: 'login';
  readonly carrier: string;
  readonly outcome: 'success' | 'failure' | 'throttled';
  /** Why it failed. */
  readonly reason?: string;
}

/** The gateway itself refused a request or an upgrade. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly request: string;
  readonly code: Code;
  readonly status: number;
  /** The sentence that the client reads. */
  readonly message: string;
  readonly address: string | undefined;
  /** Absent where the bytes were no request. */
  readonly method?: string | undefined;
  /** Without the query, which may hold a token. */
  readonly path?: string | undefined;
  /** Why node's parser gave up, where it did: its code. */
  readonly reason?: string | undefined;
  /** What failed in the gateway itself: of INTERNAL only. */
  readonly fault?: Fault;
}

/** A request or an upgrade has its answer, whatever it is. */
export interface Answered {
  readonly kind: 'answered';
  readonly route: Route;
  readonly status: number;
}

/** A connection of the catalogue was tested through the API. */
export interface ConnectionTested extends From {
  readonly kind: 'connection tested';
  readonly connection: string;
  readonly works: boolean;
  readonly principal: string | undefined;
}

/** A cell has its reply, or will not be heard of any more: who ran what, and nothing that was in it (invariant S10). */
export interface CellEnded extends FromPrincipal {
  readonly kind: 'cell ended';
  readonly kernel: string;
  /** Its name; empty where it isn't known. */
  readonly processor: string;
  /** The connection whose credential it used. */
  readonly connection?: string;
  /** The references whose values the kernel got: `secret:NAME`. */
  readonly names?: readonly string[];
  /** SHA-256 of the code as the user typed it, hex. */
  readonly source: string;
  readonly outcome: CellOutcome;
  readonly seconds: number;
}

/** A cell could not be rewritten: the kernel got an error in its place. */
export interface CellNotRewritten {
  readonly kind: 'cell not rewritten';
  readonly request: string;
  readonly kernel: string;
  readonly processor: string;
  /** Without the error's message, which may quote the cell or a value (invariant S10). */
  readonly fault: Fault;
}

/** A cell's request to a connection is over. */
export interface BrokeredEnded {
  readonly kind: 'brokered ended';
  /** The connection's type. */
  readonly type: string;
  readonly outcome: BrokeredOutcome;
  readonly rows: number;
}

/** A cell's request to a connection was sent again. */
export interface BrokeredRetried {
  readonly kind: 'brokered retried';
  readonly type: string;
}

/** A cell's request to a connection failed in an unforeseen way. */
export interface BrokeredFailed {
  readonly kind: 'brokered failed';
  readonly request: string;
  readonly type: string;
  readonly fault: Fault;
}

/** Code in a kernel made up a question that its cell did not ask. */
export interface QuestionForged {
  readonly kind: 'question forged';
  readonly request: string;
  readonly page: unknown;
}

/** The variables of a brokered cell are too large to be read. */
export interface QuestionTooLong {
  readonly kind: 'question too long';
  readonly request: string;
  readonly bytes: number;
}

/** A client answered what the kernel had not asked it. */
export interface AnswerDropped extends FromPrincipal {
  readonly kind: 'answer dropped';
  readonly kernel: string;
  readonly msg_type: string;
}

/** A client is gone, and its kernel's websocket stays open for it. */
export interface ClientLeft extends FromPrincipal {
  readonly kind: 'client left';
  readonly kernel: string;
}

/** The gateway closed a kernel's websocket for what came on it. */
export interface KernelSocketClosed extends FromPrincipal {
  readonly kind: 'kernel socket closed';
  readonly kernel: string;
  readonly code: Code;
  readonly fault: Fault;
}

/**
 * What happens in the gateway, as plain values: no token, no text of a cell and no value of a user is in any of them.
 * Whatever keeps it (log, metrics) reads the same events.
 */
export type Event =
  | Login
  | Refusal
  | Answered
  | ConnectionTested
  | CellEnded
  | CellNotRewritten
  | BrokeredEnded
  | BrokeredRetried
  | BrokeredFailed
  | QuestionForged
  | QuestionTooLong
  | AnswerDropped
  | ClientLeft
  | KernelSocketClosed;

/** Takes an event. Called on the way of a request: it must not wait, and must not throw. */
export type Tell = (event: Event) => void;

/** One place to tell, for several readers; each gets every event, in order. */
export function createTell(...readers: readonly Tell[]): Tell {
  return (event) => {
    for (const read of readers) read(event);
  };
}
