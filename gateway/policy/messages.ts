import { type Decision, type Refused, refused } from './decision.js';

/** What becomes of a client's message that passes. */
export type Passing =
  /** A cell: processors may rewrite it, its end is logged. */
  | 'cell'
  /** About code that isn't run: answered in the kernel's place where it is a SPIN cell's, in the order of its shell. */
  | 'assist'
  /** Passes as it is, in the order of its shell. */
  | 'pass'
  /** Passes only to a question that this socket was asked and hasn't answered. */
  | 'answer';

/** What becomes of one that doesn't. */
export type Stopping =
  /** Answered with an error in the kernel's place. */
  | 'refuse'
  /** Not passed; logged. */
  | 'drop'
  /** Ends the connection: no client of the protocol sends it. */
  | 'close';

export type Handling = Passing | Stopping;

/** A message that a client sends on a kernel's websocket. */
export interface MessageSubject {
  readonly kind: 'message';
  readonly channel: string;
  /** Its `msg_type`. */
  readonly type: string;
}

export type MessageDecision = Extract<Decision<{ readonly handling: Passing }>, { allowed: true }> | Stopped;

export type Stopped = Refused & { readonly handling: Stopping };

interface Rule {
  /** The message types it is about; none listed: every other type, known or not. */
  readonly types?: readonly string[];
  readonly handling: Exclude<Handling, 'close'>;
  /** Where it refuses: the sentence that the user reads, if it isn't the one that all refusals share. */
  readonly reason?: string;
}

/**
 * Every way in which a client's message can make a kernel run code, by channel, and what is decided about it
 * (invariant S9). The first rule that fits counts.
 *
 * References mean something in the code of a cell only. Everywhere else (`user_expressions`, a debugger's
 * `evaluate`, the data of a comm) they are plain text: nothing is resolved or delivered. What any of them shows of a
 * value that a cell was given is hidden like all that leaves the kernel.
 */
const rules: Readonly<Record<string, readonly Rule[]>> = {
  shell: [
    // The only way for code that is rewritten and logged. Its user_expressions are evaluated as they stand.
    { types: ['execute_request'], handling: 'cell' },
    // ipykernel before 7 unpickles a function and calls it, past rewriting and log (ipyparallel's, with its own engines).
    { types: ['apply_request'], handling: 'refuse' },
    // In a SPIN cell the gateway knows what could stand there; all others pass as they are. Nothing of it is run.
    { types: ['complete_request', 'inspect_request'], handling: 'assist' },
    // Widgets: handlers that a cell registered run with a client's data and buffers, byte for byte.
    { types: ['comm_open', 'comm_msg', 'comm_close'], handling: 'pass' },
    // Completion and inspection can run a property or __repr__ of the user's own objects; nothing of the request's.
    // Types of kernels' own extensions pass as they pass a stock Jupyter.
    { handling: 'pass' },
  ],
  control: [
    // ipykernel runs cells from here too, past queue, rewriting and log. No client needs it (JEP 47 has only shell).
    { types: ['execute_request', 'apply_request'], handling: 'refuse' },
    // The debugger: its `evaluate` runs an expression. A user of the kernel may run anything anyway.
    { types: ['debug_request'], handling: 'pass' },
    // Interrupt, shutdown, subshells (JEP 91), and types of kernels' own.
    { handling: 'pass' },
  ],
  stdin: [
    // A stock kernel accepts any client's answer to any client's question.
    { types: ['input_reply'], handling: 'answer' },
    // The protocol has no other message here, and a kernel would take any as the answer.
    { handling: 'drop' },
  ],
};

const REASONS: Readonly<Record<'refuse' | 'drop', string>> = {
  refuse: 'Code runs in cells on the shell channel only.',
  drop: 'A client sends answers on the stdin channel, and nothing else.',
};

/** Made once: each message of each client is decided. */
const decisions: Readonly<Record<Rule['handling'], MessageDecision>> = {
  cell: { allowed: true, handling: 'cell' },
  assist: { allowed: true, handling: 'assist' },
  pass: { allowed: true, handling: 'pass' },
  answer: { allowed: true, handling: 'answer' },
  refuse: { ...refused('NOT_PERMITTED', REASONS.refuse), handling: 'refuse' },
  drop: { ...refused('NOT_PERMITTED', REASONS.drop), handling: 'drop' },
};

interface ChannelTable {
  readonly types: ReadonlyMap<string, MessageDecision>;
  readonly others: MessageDecision;
}

const channels: ReadonlyMap<string, ChannelTable> = new Map(
  Object.entries(rules).map(([channel, listed]) => {
    const types = new Map<string, MessageDecision>();
    let others: MessageDecision | undefined;
    for (const { types: names, handling, reason } of listed) {
      const known = decisions[handling];
      const decision = known.allowed || reason === undefined ? known : { ...known, reason };
      for (const name of names ?? []) if (!types.has(name)) types.set(name, decision);
      if (names === undefined) others ??= decision;
    }
    return [channel, { types, others: others ?? closes(channel) }];
  }),
);

/** What becomes of a message of a client that may use the kernel. Two look-ups; no object is made. */
export function decideMessage(channel: string, type: string): MessageDecision {
  const table = channels.get(channel);
  if (table === undefined) return closes(channel);
  return table.types.get(type) ?? table.others;
}

function closes(channel: string): MessageDecision {
  return {
    ...refused('MALFORMED_FRAME', `A client does not send on the ${channel} channel.`),
    handling: 'close',
  };
}
