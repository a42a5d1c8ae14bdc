import { CellError } from '../core/processor.js';

/** Statuses of RFC 9110 sections 15.5.2 and 15.5.4: who are you, and you may not. */
export const UNKNOWN = 401;
export const NOT_ALLOWED = 403;

/**
 * The sentence for a service that refuses a connection's credential. It is in the gateway's own words, as services
 * quote a part of a credential when they refuse it.
 *
 * @param service its name or host
 */
export function credentialRefusal(service: string, status: number): CellError | undefined {
  if (status === UNKNOWN)
    return new CellError(`${service} answered 401: the service does not accept the connection's credential.`);
  if (status === NOT_ALLOWED)
    return new CellError(
      `${service} answered 403: the service accepts the connection's credential, but does not allow this request (permission).`,
    );
  return undefined;
}
