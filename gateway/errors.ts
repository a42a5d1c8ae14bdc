/**
 * The one table of refusals: HTTP status, websocket close code (RFC 6455 section 7.4.1, 4000-4999 are
 * private) and the sentence a user reads: what happened, and what to do about it.
 */
const refusals = {
  UNAUTHENTICATED: [
    401,
    1008,
    'No valid token came with this request. Log in at /spin/login or send SPIN_TOKEN.',
  ],
  FORBIDDEN: [403, 1008, 'The token is wrong or has expired. Check SPIN_TOKEN, or log in again.'],
  NOT_PERMITTED: [403, 1008, 'Your token does not allow that.'],
  THROTTLED: [429, 1008, 'Too many failed logins from this address. Wait, then try again.'],
  HOST_NOT_ALLOWED: [
    421,
    1008,
    'This runtime does not answer to that host name. Add it to SPIN_ALLOWED_HOSTS or set SPIN_PUBLIC_URL.',
  ],
  ORIGIN_NOT_ALLOWED: [
    403,
    1008,
    'That browser origin may not use this runtime. Add it to SPIN_ALLOWED_ORIGINS.',
  ],
  ORIGIN_REQUIRED: [
    403,
    1008,
    'A request that changes something and carries only a cookie needs an Origin header. Send the token instead.',
  ],
  TLS_REQUIRED: [426, 1008, 'This runtime speaks plain HTTP only to loopback names. Use https.'],
  BAD_REQUEST: [400, 1002, 'That request is not valid HTTP for this runtime.'],
  BAD_PATH: [400, 1002, 'That path contains characters or segments that are not allowed.'],
  NOT_FOUND: [404, 1008, 'There is nothing at that address.'],
  PATH_NOT_ALLOWED: [403, 1008, 'This gateway does not allow that path.'],
  REQUEST_TIMEOUT: [408, 1002, 'The request took too long to arrive.'],
  HEADERS_TOO_LARGE: [
    431,
    1009,
    'The request headers are larger than 64 KiB. In a browser these are cookies, including those of other programs at the same host name. Delete the cookies of this host, or open the runtime under another name, such as 127.0.0.1 instead of localhost.',
  ],
  SHARED_FOLDER_AWAY: [
    503,
    1013,
    'This gateway cannot read the folder of SPIN_SHARED, so it does not know who has logged out. Check the folder.',
  ],
  UPSTREAM_STARTING: [503, 1013, 'Jupyter is starting and will answer in a moment.'],
  UPSTREAM_DOWN: [
    502,
    1014,
    'Jupyter cannot be reached. Check that it runs and that SPIN_UPSTREAM is its address.',
  ],
  UPSTREAM_STOPPED: [
    503,
    1013,
    'This JupyterHub server is not running. Start it in the hub, then try again.',
  ],
  UPSTREAM_TIMEOUT: [504, 1014, 'Jupyter did not answer in time.'],
  UPSTREAM_REFUSED: [
    502,
    1014,
    'Jupyter refused the gateway. Check SPIN_UPSTREAM_TOKEN and that SPIN_UPSTREAM is its address.',
  ],
  MALFORMED_FRAME: [400, 1007, 'A websocket frame was not a Jupyter message.'],
  UNSUPPORTED_FRAME: [400, 1003, 'That kind of websocket frame is not part of the Jupyter protocol.'],
  MESSAGE_TOO_LARGE: [
    413,
    1009,
    'The message is larger than Jupyter accepts (SPIN_MAX_MESSAGE_MB). Upload it as a file.',
  ],
  INTERNAL: [500, 1011, 'The gateway failed on this request. Its log has the details.'],
} as const satisfies Record<string, readonly [status: number, closeCode: number, sentence: string]>;

export type Refusal = keyof typeof refusals;

/** What a user reads where nothing more is known. */
export function sentenceOf(code: Refusal): string {
  return refusals[code][2];
}

/** A refusal that a client may read: never holds a secret, a path of this machine, or a stack. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: Refusal;
  readonly status: number;
  readonly closeCode: number;
  /** Seconds after which another try makes sense (Retry-After, RFC 9110 section 10.2.3). */
  readonly retryAfter: number | undefined;

  /**
   * @param detail replaces the table's sentence where more is known
   * @param options.status replaces the table's status, where an upstream's own refusal is passed on
   */
  constructor(
    code: Refusal,
    detail?: string,
    options?: ErrorOptions & { readonly retryAfter?: number; readonly status?: number },
  ) {
    const [status, closeCode, sentence] = refusals[code];
    super(detail ?? sentence, options);
    this.code = code;
    this.status = options?.status ?? status;
    this.closeCode = closeCode;
    this.retryAfter = options?.retryAfter;
  }
}

/** What a client learns of any failure: a refusal as it is, everything else as INTERNAL. */
export function asGatewayError(error: unknown): GatewayError {
  return error instanceof GatewayError ? error : new GatewayError('INTERNAL', undefined, { cause: error });
}

/** @param most what Jupyter takes in one message, in bytes. The sentence fits a close frame (123 bytes, RFC 6455). */
export function tooLarge(most: number): GatewayError {
  const limit = `${most / 1024 / 1024} MiB`;
  return new GatewayError(
    'MESSAGE_TOO_LARGE',
    `The message is larger than ${limit}, the most that Jupyter accepts (SPIN_MAX_MESSAGE_MB). Upload it as a file.`,
  );
}
