import { Client, type Dispatcher } from 'undici';
import type { Secret } from '../processors/core/secret.js';

/** Whom the gateway, or a command of it, asks something over HTTP. */
export interface Peer {
  /** E.g. `https://127.0.0.1:8889`; `http://localhost` for a unix socket. */
  readonly origin: string;
  /** Path before every other; empty at the root. */
  readonly basePath: string;
  /** Set when it listens on a unix socket. */
  readonly socketPath: string | undefined;
  readonly token: Secret | undefined;
  /** PEM text of the CA to verify https with; undefined: the system's. */
  readonly ca: string | undefined;
}

export interface Question {
  /** Default GET. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the base path; may have a query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** How long all of it may take, in milliseconds. */
  readonly limitMs: number;
  /** What is read of the answer's body, in bytes (invariant S15): one that is larger fails. */
  readonly mostBytes: number;
  /** Takes any certificate: for a question that the wrong peer may hear, and without a token. */
  readonly takesAnyCertificate?: true;
}

/** No answer came in time: a code that is reported like the system's own codes. */
class NoAnswerInTime extends Error {
  readonly code = 'ETIMEDOUT';
}

/**
 * Asks once, on a connection that is for this question alone. Follows no redirect, and uses no proxy.
 *
 * @param read takes of the answer what is wanted, within the same limits; what it leaves is not read
 * @throws the system's or undici's error when there is no answer
 */
export async function askOnce<T>(
  { origin, basePath, socketPath, token, ca }: Peer,
  question: Question,
  read: (answer: Dispatcher.ResponseData) => T | Promise<T>,
): Promise<T> {
  const { method = 'GET', path, body, limitMs, mostBytes, takesAnyCertificate } = question;
  const isUnverified = takesAnyCertificate === true && token === undefined;
  const signal = AbortSignal.timeout(limitMs);
  // The signal is the one limit of time.
  const client = new Client(origin, {
    pipelining: 0,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: mostBytes,
    connect: {
      timeout: 0,
      rejectUnauthorized: !isUnverified,
      ...(socketPath !== undefined && { socketPath }),
      ...(ca !== undefined && { ca }),
    },
  });
  try {
    const answer = await client.request({
      method,
      path: basePath + path,
      headers: { ...question.headers, ...(token && { authorization: `token ${token.reveal()}` }) },
      ...(body !== undefined && { body }),
      signal,
    });
    // An abandoned body emits an error, and there may be no other listener (invariant S14).
    answer.body.on('error', () => {});
    return await read(answer);
  } catch (error) {
    throw signal.aborted ? new NoAnswerInTime('no answer in time', { cause: error }) : error;
  } finally {
    client.destroy().catch(() => {});
  }
}

/** Only the status of what a peer answers. @returns undefined when there is no answer */
export async function statusOf(
  peer: Peer,
  question: Omit<Question, 'mostBytes'>,
): Promise<number | undefined> {
  return askOnce(peer, { ...question, mostBytes: NO_BODY }, ({ statusCode }) => statusCode).catch(
    () => undefined,
  );
}

/** For who wants the head alone: the little that comes with it does no harm. */
export const NO_BODY = 64 * 1024;
