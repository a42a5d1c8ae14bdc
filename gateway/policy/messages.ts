/** What becomes of a client's message. */
export type Handling =
  /** A cell: processors may rewrite it, its end is logged. */
  | 'cell'
  /** About code that isn't run: answered in the kernel's place where it is a SPIN cell's, in the order of its shell. */
  | 'assist'
  /** Passes as it is, in the order of its shell. */
  | 'pass'
  /** Passes only to a question that this socket was asked and hasn't answered. */
  | 'answer'
  /** Answered with an error in the kernel's place. */
  | 'refuse'
  /** Not passed; logged. */
  | 'drop';

interface Rule {
  /** The message types it is about; none listed: every other type, known or not. */
  readonly types?: readonly string[];
  readonly handling: Handling;
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
    // ipykernel before 7 unpickles a function and calls it, past rewriting and log (ipyparallel's, with engines of its own).
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
    // A stock kernel takes anybody's answer to anybody's question.
    { types: ['input_reply'], handling: 'answer' },
    // The protocol has no other message here, and a kernel would take any as the answer.
    { handling: 'drop' },
  ],
};

/** @returns undefined for a channel on which clients don't send */
export function handlingOf(channel: string, type: string): Handling | undefined {
  return rules[channel]?.find(({ types }) => types === undefined || types.includes(type))?.handling;
}
