import type { Taken } from '../../../processors/index.js';
import type { BrokerCall } from '../broker/call.js';
import type { Loss } from '../own/loss.js';
import { type Frame, readObject } from '../wire/frame.js';
import { parentId, readHeader } from '../wire/messages.js';
import { type Execution, NOT_TAKEN, type Sent } from './execution.js';
import type { CellRecords } from './record.js';

/** Executions of one client whose reply is awaited; the record of one that is over the limit is written without it. */
const MOST_RUNNING = 10_000;

/** Questions of one kernel that can be open at once: one of the main shell and one of each subshell. */
const MOST_ASKING = 100;

/**
 * The executions of one client whose reply is still to come, in the order in which they were sent: the only place
 * that knows which there are, and which of them wait for an answer.
 */
export class Executions {
  readonly #byId = new Map<string, Execution>();
  /** Those of them that wait, oldest question first. */
  readonly #asking = new Set<Execution>();
  readonly #calling = new Set<Execution>();
  readonly #records: CellRecords;
  readonly #onAnswered: () => void;
  #drained: { readonly over: Promise<void>; readonly done: () => void } | undefined;

  /** @param onAnswered called when the kernel does not wait for an answer any more */
  constructor(records: CellRecords, onAnswered: () => void) {
    this.#records = records;
    this.#onAnswered = onAnswered;
  }

  /**
   * @param id msg_id of the execute_request
   * @param code as the user typed it; only its hash is kept
   * @param onError called when the cell fails; must not keep a reference to the message
   */
  start(id: string, code: string, onError: (() => void) | undefined): void {
    // An id that is used again would take the first cell's record; both are run.
    const same = this.#byId.get(id);
    if (same && !same.isReplied) this.#records.end(same, 'unseen');
    const execution = this.#add(id, this.#records.begin(code, onError));
    // The first one still gets the answer that it waits for, or its kernel would wait for ever.
    if (same) this.#inPlaceOf(same, execution);
    if (this.#byId.size > MOST_RUNNING) this.#endOldest();
  }

  get(id: string): Execution | undefined {
    return this.#byId.get(id);
  }

  /** @param taken is kept as long as the cell runs: it must not contain values */
  takenBy(id: string, taken: Taken): void {
    const execution = this.#byId.get(id);
    if (execution) execution.taken = taken;
  }

  /** Those that were sent on this connection, as they were sent. */
  running(): Execution[] {
    return [...this.#byId.values()].filter(({ sent, isReplied }) => sent !== undefined && !isReplied);
  }

  /** True while the kernel waits for an answer, of the gateway or of the user. False on the hot path. */
  get awaits(): boolean {
    return this.#asking.size > 0 || this.#calling.size > 0;
  }

  /** The execution is on its way to the kernel: it may ask the gateway now. */
  expectCall(id: string, call: BrokerCall): void {
    // The record of one that was over the limit is written already.
    const execution = this.#byId.get(id) ?? this.#add(id, undefined);
    // Of an id that is used again: the kernel runs one of them at a time, and this one has the question now.
    this.endCall(execution);
    execution.call = call;
    this.#calling.add(execution);
  }

  /** Its call is over, well or not: the request is cancelled. */
  endCall(execution: Execution): void {
    if (!this.#calling.delete(execution)) return;
    execution.call?.cancel();
    execution.call = undefined;
    this.#settled(execution);
  }

  /** The kernel asks the user. A cell of an earlier connection may ask on this one. */
  asks(id: string): void {
    const execution = this.#byId.get(id) ?? this.#add(id, undefined);
    execution.isAsking = true;
    this.#asking.add(execution);
    const [oldest] = this.#asking;
    if (this.#asking.size > MOST_ASKING && oldest !== undefined) this.#endQuestion(oldest);
  }

  /**
   * A stock kernel takes an input_reply from any client, so only the connection that heard the question may answer it
   * (invariant S9).
   *
   * @returns whether an answer may pass; it uses the question up
   */
  answer(): boolean {
    // An input_reply names no request that a kernel would check: it answers the oldest open question.
    const [oldest] = this.#asking;
    if (oldest === undefined) return false;
    this.#endQuestion(oldest);
    return true;
  }

  /** @param status the execute_reply's: `ok`, `error` or `aborted` */
  replied(id: string, status: string): void {
    const execution = this.#byId.get(id);
    if (execution === undefined || execution.isReplied) return;
    execution.isReplied = true;
    this.#end(execution, status);
    if (status === 'error') execution.sent?.onError?.();
  }

  /** The gateway itself has answered, in the kernel's place: no idle of the kernel will come. */
  answered(id: string, status: 'error' | 'aborted'): void {
    const execution = this.#byId.get(id);
    if (execution) execution.isIdle = true;
    this.replied(id, status);
    this.#lookDrained();
  }

  /**
   * Resolves when every execution has its reply, and what it wrote has come. The reply comes on the shell channel, and
   * the idle that ends its output comes on iopub. The two channels have no order between them: of two cells, the second
   * one's reply may come before the first one's idle.
   * Source: jupyter-client.readthedocs.io/en/stable/messaging.html, "Request-Reply" and "Kernel status".
   */
  drained(): Promise<void> {
    if (this.#drained === undefined) {
      let done = () => {};
      const over = new Promise<void>((resolve) => {
        done = resolve;
      });
      this.#drained = { over, done };
      this.#lookDrained();
    }
    return this.#drained.over;
  }

  /** @param frame from the kernel, when everything else that it brings is done; only looked at while the gateway ends */
  see(frame: Frame): void {
    if (this.#drained === undefined) return;
    if (frame.channel === 'iopub' && readHeader(frame).msg_type === 'status') {
      const execution = this.#byId.get(parentId(frame));
      // Of other clients' cells nothing is kept.
      if (execution && readObject(frame, 'content').execution_state === 'idle') {
        execution.isIdle = true;
        if (execution.isReplied) this.#byId.delete(execution.id);
      }
    }
    this.#lookDrained();
  }

  /** The gateway ends: brokered cells learn it from their next answer. */
  giveUp(): void {
    for (const { call } of this.#calling) call?.giveUp();
  }

  /**
   * Nothing that waits for an answer gets one any more. A kernel that starts again may still run what was sent to it, so
   * the executions stay, until the client leaves.
   */
  lost(why: Loss): void {
    for (const execution of [...this.#asking]) this.#endQuestion(execution);
    for (const execution of [...this.#calling]) this.endCall(execution);
    if (why !== 'closed') return;
    // The kernel goes on with them, unseen.
    for (const execution of this.running()) this.#end(execution, 'unseen');
    this.#byId.clear();
    this.#drained?.done();
  }

  #add(id: string, sent: Sent | undefined): Execution {
    const execution: Execution = {
      id,
      sent,
      taken: NOT_TAKEN,
      call: undefined,
      isAsking: false,
      isReplied: false,
      isIdle: false,
    };
    this.#byId.set(id, execution);
    return execution;
  }

  #inPlaceOf(same: Execution, execution: Execution): void {
    execution.call = same.call;
    execution.isAsking = same.isAsking;
    if (this.#calling.delete(same)) this.#calling.add(execution);
    if (this.#asking.delete(same)) this.#asking.add(execution);
  }

  #endOldest(): void {
    for (const execution of this.#byId.values()) {
      // A kernel that waits for an answer gets it.
      if (execution.isAsking || execution.call !== undefined || execution.isReplied) continue;
      this.#end(execution, 'unseen');
      return;
    }
  }

  #end(execution: Execution, reply: string): void {
    // While the gateway ends, its idle is waited for too.
    const stays = this.#drained !== undefined && execution.isReplied && !execution.isIdle && execution.sent;
    if (!stays) this.#byId.delete(execution.id);
    this.#endQuestion(execution);
    this.endCall(execution);
    this.#records.end(execution, reply);
  }

  #endQuestion(execution: Execution): void {
    execution.isAsking = false;
    if (this.#asking.delete(execution)) this.#settled(execution);
  }

  /** Something that it waited for is over. */
  #settled({ id, sent, isAsking, call }: Execution): void {
    if (sent === undefined && !isAsking && call === undefined) this.#byId.delete(id);
    if (!this.awaits) this.#onAnswered();
  }

  #lookDrained(): void {
    if (this.#drained === undefined) return;
    if ([...this.#byId.values()].every(({ sent }) => sent === undefined)) this.#drained.done();
  }
}
