import { type Authentication, prove } from './http/authentication.js';
import type { Place } from './http/dispatcher.js';
import { send } from './http/send.js';
import type { Limits } from './processor.js';

/** Where a service is and how the gateway proves to it who it is: the common part of HTTP connections. */
export type ServiceSettings = Place & Pick<Authentication, 'token' | 'username' | 'password'>;

export interface ServiceRequest {
  readonly method: 'GET' | 'POST';
  /** Below the connection's URL, e.g. `api/v1/query`. */
  readonly path: string;
  /** Sent as a form by POST, as a query by GET. */
  readonly parameters: URLSearchParams;
  readonly signal: AbortSignal;
  /** Of the job; without it nothing that the service says may be shown. */
  readonly hide?: Limits['hide'] | undefined;
}

/**
 * Asks a service with its connection's credentials.
 *
 * @returns status and body of any answer, also of one that says no
 * @throws {CellError} when there is no answer, in words that hold nothing of the request
 */
export async function askService(
  settings: ServiceSettings,
  { method, path, parameters, signal, hide = () => {} }: ServiceRequest,
): Promise<{ readonly status: number; readonly body: string }> {
  const url = new URL(path, settings.url.replace(/\/?$/, '/'));
  if (method === 'GET') url.search = parameters.toString();
  const proof = await prove(settings, signal, { hide });
  const { status, body } = await send(settings, {
    method,
    url,
    headers: {
      accept: 'application/json',
      ...proof.headers,
      ...(method === 'POST' && { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(method === 'POST' && { body: parameters.toString() }),
    signal,
  });
  return { status, body: body.toString() };
}
