import { constants } from 'node:os';
import { GatewayError } from './errors.js';

/** What a log may say of an error whose text may quote a cell or a value. */
export interface Fault {
  /** The error's class, or what else was thrown. */
  readonly kind: string;
  /** The system's or this gateway's code of it, e.g. `ECONNREFUSED`. */
  readonly code?: string;
  /** Of the gateway's own refusals only: those hold no value. */
  readonly message?: string;
  /** Where it came from: V8's frames, without the message that V8 puts above them. */
  readonly stack?: string;
  readonly cause?: Fault;
}

const NAME = /^[A-Za-z_$][\w$]{0,60}$/;
const FRAME = /^ {4}at /;
const LONGEST_CHAIN = 4;

/** Describes any thrown thing by its kind and place alone, without one word of a foreign message. Never throws. */
export function faultOf(error: unknown, depth = 1): Fault {
  try {
    if (!(error instanceof Error)) return { kind: error === null ? 'null' : typeof error };
    // Not the error's own name, which is data: the class's, which is source.
    const { name } = error.constructor;
    const { cause } = error;
    const code = codeOf(error);
    const stack = framesOf(error);
    return {
      kind: NAME.test(name) ? name : 'Error',
      ...(code === undefined ? {} : { code }),
      ...(error instanceof GatewayError ? { message: error.message } : {}),
      ...(stack === '' ? {} : { stack }),
      ...(cause === undefined || depth === LONGEST_CHAIN ? {} : { cause: faultOf(cause, depth + 1) }),
    };
  } catch {
    return { kind: 'unreadable' };
  }
}

/** The same of what a client is refused for: where in the gateway's source that is says nothing, and is long. */
export function withoutPlaces({ stack: _, cause, ...rest }: Fault): Fault {
  return { ...rest, ...(cause !== undefined && { cause: withoutPlaces(cause) }) };
}

/** A code that is a word of the system or of this gateway; any other may be anything. */
function codeOf(error: Error): string | undefined {
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code !== 'string') return undefined;
  return error instanceof GatewayError || Object.hasOwn(constants.errno, code) ? code : undefined;
}

/** A message that isn't at the head of its stack was changed later: then it is not known where the old one ends. */
function framesOf({ message, stack }: Error): string {
  const start = stack?.indexOf(message) ?? -1;
  if (stack === undefined || start < 0 || stack.slice(0, start).includes('\n')) return '';
  return stack
    .slice(start + message.length)
    .split('\n')
    .filter((line) => FRAME.test(line))
    .join('\n');
}
