import { ALLOWED, type Decision, type Holder, lacks } from './decision.js';
import { decideMessage, type MessageDecision, type MessageSubject } from './messages.js';
import { decidePage, type PageSubject } from './pages.js';
import { decideRequest, type RequestDecision, type RequestSubject } from './routes.js';
import { decideSocket, type SocketDecision, type SocketSubject } from './sockets.js';
import { decideValue, type ValueSubject } from './values.js';

/** The connections of the catalogue, asked for by the gateway's own API. */
export interface ConnectionSubject {
  readonly kind: 'connection';
  readonly act: 'list' | 'test';
}

/** What may be asked for, with all that is known of it: nothing is looked up while it is decided. */
export type Subject =
  | RequestSubject
  | SocketSubject
  | MessageSubject
  | PageSubject
  | ValueSubject
  | ConnectionSubject;

/**
 * The one function that decides what a principal may do. First the principal's rights count, then the rules
 * that are the same for every principal. Its name never counts.
 *
 * @param principal undefined: the client has not logged in
 * @throws {GatewayError} BAD_PATH when the encoding of a request's or websocket's path can't be read
 */
export function decide(principal: Holder | undefined, subject: RequestSubject): RequestDecision;
export function decide(principal: Holder | undefined, subject: SocketSubject): SocketDecision;
export function decide(principal: Holder | undefined, subject: MessageSubject): MessageDecision;
export function decide(principal: Holder | undefined, subject: Subject): Decision;
export function decide(principal: Holder | undefined, subject: Subject): Decision {
  switch (subject.kind) {
    case 'message':
      return lacksKernel(principal) ?? decideMessage(subject.channel, subject.type);
    case 'request':
      return decideRequest(principal, subject);
    case 'websocket':
      return decideSocket(principal, subject);
    case 'page':
      return decidePage(principal, subject);
    case 'value':
      return decideValue(principal, subject);
    case 'connection':
      return lacks(principal, `connections:${subject.act}`) ?? ALLOWED;
  }
}

/** Every message takes the right that opening its websocket takes, as Jupyter's own do. */
function lacksKernel(principal: Holder | undefined): MessageDecision | undefined {
  const lacking = lacks(principal, 'kernels:execute');
  return lacking && { ...lacking, handling: 'close' };
}
