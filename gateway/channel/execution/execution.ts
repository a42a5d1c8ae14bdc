import type { Taken } from '../../../processors/index.js';
import type { Span } from '../../tracing.js';
import type { BrokerCall } from '../broker/call.js';
import type { Viewer } from '../viewer.js';

/** Of a cell whose bytes pass unchanged. */
export const NOT_TAKEN: Taken = { processor: 'none' };

/** What the record of a cell says of it, as far as it is known when the cell is sent. */
export interface Sent {
  readonly from: Viewer;
  /** SHA-256 of the code as the user typed it, hex. */
  readonly source: string;
  /** `performance.now()`, in milliseconds. */
  readonly startedAt: number;
  readonly span: Span;
  /** Called when the cell fails; must not keep a reference to the message. */
  readonly onError: (() => void) | undefined;
}

/** All that is known of one execution: one cell, from its request to its reply. */
export interface Execution {
  /** msg_id of the execute_request. */
  readonly id: string;
  /** Undefined for a cell of an earlier connection, of which this one hears a question: its record is written there. */
  readonly sent: Sent | undefined;
  /** Who took the cell. */
  taken: Taken;
  /** Answers the questions that the cell asks the gateway. */
  call: BrokerCall | undefined;
  /** The kernel waits for the user's answer to a question (`input()`). A cell asks one question at a time. */
  isAsking: boolean;
  /** Known only while the gateway ends: one that is drained has both. */
  isReplied: boolean;
  isIdle: boolean;
}
