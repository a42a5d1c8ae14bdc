import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { permissionRefusal, StatementError } from './session.js';

const LONGEST = 2_000;
/** A parser lists all that it would have taken. */
const LONGEST_EXPECTED = 200;
/** Codes: https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp */
const SYNTAX_ERROR = 62;
const READONLY = 164;
const UNKNOWN_SETTING = 115;
/** UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED */
const REFUSED_LOGINS = new Set([192, 193, 194, 516]);
/** IP_ADDRESS_NOT_ALLOWED, DATABASE_ACCESS_DENIED, ACCESS_DENIED */
const NOT_ALLOWED = new Set([195, 291, 497]);

/** What a server says that went wrong. */
export interface Exception {
  readonly code: number;
  readonly message: string;
}

/**
 * Reads `Code: 62. DB::Exception: Syntax error: … (SYNTAX_ERROR) (version 24.3.1)`, or as servers before 2021 write it,
 * with `e.displayText() = ` and `e.what() = ` around.
 *
 * @param text of which it is the last part
 * @returns undefined for a text without one
 */
export function exceptionIn(text: string): Exception | undefined {
  const at = text.lastIndexOf('Code: ');
  const part = at < 0 ? '' : text.slice(at, at + 2 * LONGEST);
  const [, code] = /^Code: (\d{1,5})[.,]/.exec(part) ?? [];
  const begin = part.indexOf('DB::Exception: ');
  if (code === undefined || begin < 0) return undefined;
  const [said = ''] = part
    .slice(begin + 'DB::Exception: '.length)
    .split(/, e\.what\(\) =|\n__exception__|\nStack trace| \(version \d/, 1);
  const [what = '', expected] = said.trim().split(/(?=Expected one of: )/);
  const message = what + (expected === undefined ? '' : shortened(expected, LONGEST_EXPECTED));
  return { code: Number(code), message: shortened(message, LONGEST) };
}

/** Whether the server doesn't know a setting. */
export function knowsNoSetting({ code }: Exception): boolean {
  return code === UNKNOWN_SETTING;
}

/** Whether the profile of the user is read-only already, so that no setting may be sent. */
export function isBound({ code }: Exception): boolean {
  return code === READONLY;
}

/** @returns the error of a statement, or the sentence for a login that is refused */
export function errorOf({ code, message }: Exception, host: string): Error {
  if (REFUSED_LOGINS.has(code))
    return new CellError(`${host}: the database does not accept the connection's username or password.`);
  if (NOT_ALLOWED.has(code)) return permissionRefusal(host, message.replace(/\.$/, ''));
  // Counted in bytes, from 1.
  const [, position] = /failed at position (\d{1,9})/.exec(message) ?? [];
  const offset = position === undefined ? undefined : Number(position) - 1;
  const said = `Code ${code}: ${message}`;
  return new StatementError(said, { offset, isUnread: code === SYNTAX_ERROR, cause: undefined });
}
