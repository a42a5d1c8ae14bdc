import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { beginningOf, type HttpAnswer } from '../http/send.js';
import { statusLine } from '../http/status-line.js';
import { elementAt, parseXml } from '../http/xml.js';
import type { Action } from './services.js';

/** Of an answer that says no, in bytes. */
const LARGEST = 64 * 1024;
const LONGEST_MESSAGE = 500;

/** An answer of AWS that says no, in whichever of its ways. */
export interface AwsError {
  /** One word, e.g. `AccessDeniedException`; empty when it isn't AWS that answered. */
  readonly code: string;
  readonly message: string;
}

/** Codes that mean: not now. Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */
const BUSY =
  /^(?:Throttl\w*|TooManyRequests\w*|RequestLimitExceeded|SlowDown|ProvisionedThroughputExceeded\w*|RequestThrottled\w*|LimitExceededException)$/;
const EXPIRED = /^(?:ExpiredToken(?:Exception)?|RequestExpired)$/;
const UNKNOWN =
  /^(?:InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|AuthFailure|SignatureDoesNotMatch|InvalidSignatureException|IncompleteSignature(?:Exception)?|MissingAuthenticationToken(?:Exception)?|InvalidToken|NotAuthorized)$/;
const DENIED =
  /^(?:AccessDenied(?:Exception)?|UnauthorizedOperation|Client\.UnauthorizedOperation|OptInRequired)$/;

/** What an answer of status 400 and above says. */
export function errorOf(answer: HttpAnswer): AwsError {
  const body = beginningOf(answer, LARGEST);
  const type = answer.headers['x-amzn-errortype'];
  const json = membersOf(body);
  const said = type ?? json.__type ?? json.code;
  if (typeof said === 'string') {
    const message = json.message ?? json.Message;
    return { code: wordOf(said), message: typeof message === 'string' ? message : '' };
  }
  const root = parseXml(body);
  const error = elementAt(root, 'Error') ?? elementAt(root, 'Errors', 'Error');
  return {
    code: wordOf(elementAt(error, 'Code')?.text ?? ''),
    message: elementAt(error, 'Message')?.text ?? '',
  };
}

export function isBusy(answer: HttpAnswer): boolean {
  return answer.status >= 400 && BUSY.test(errorOf(answer).code);
}

export function isExpired(answer: HttpAnswer): boolean {
  return answer.status >= 400 && EXPIRED.test(errorOf(answer).code);
}

export function isDenied(answer: HttpAnswer): boolean {
  return answer.status >= 400 && DENIED.test(errorOf(answer).code);
}

/** The right that an action needs, as AWS's policies name it. */
export function rightOf({ service, name }: Action): string {
  return `${service.name}:${name}`;
}

/** The sentence for an answer that says no: what happened, what to do. */
export function refusal(answer: HttpAnswer, action: Action): CellError {
  const { code, message } = errorOf(answer);
  const what = `AWS refused ${action.service.name} ${action.name}`;
  if (code === '' && answer.status >= 500)
    return new CellError(
      `AWS answered ${statusLine(answer.status)} to ${action.name}. Run the cell again in a moment.`,
    );
  if (code === '')
    return new CellError(
      `The answer (${statusLine(answer.status)}) to ${action.name} is not from AWS: is the connection's url right?`,
    );
  // These messages may quote the request's headers.
  if (EXPIRED.test(code))
    return new CellError(`${what} (${code}): the connection's session_token has expired. Set a new one.`);
  if (/Signature/.test(code) && /expired|not yet current/i.test(message))
    return new CellError(`${what} (${code}): the clock of the gateway's machine is wrong. Set it.`);
  if (UNKNOWN.test(code))
    return new CellError(
      `${what} (${code}): it does not accept the connection's credential. Check access_key_id, secret_access_key and region.`,
    );
  if (DENIED.test(code)) {
    const right = /not authorized to perform:? ([\w-]+:[\w*]+)/.exec(message)?.[1] ?? rightOf(action);
    return new CellError(
      `${what} (${code}): it accepts the connection's credential, but the right ${right} is missing. Add it to the policy of the user or role.`,
    );
  }
  if (code === 'LimitExceededException' && action.name === 'StartQuery')
    return new CellError(
      `${what}: too many queries run in this account now. Run the cell again in a moment, or allow more time with --timeout.`,
    );
  if (BUSY.test(code))
    return new CellError(`${what} (${code}): too many requests. Run the cell again in a moment.`);
  return new CellError(
    `${what} (${code}): ${shortened(message.trim() || statusLine(answer.status), LONGEST_MESSAGE)}`,
  );
}

/** `com.amazonaws.logs#ResourceNotFoundException`, `ValidationException:http://…` */
function wordOf(code: string): string {
  const word = code.split(':')[0]?.split('#').at(-1)?.trim() ?? '';
  return /^[A-Za-z][\w.]{0,80}$/.test(word) ? word : '';
}

function membersOf(body: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}
