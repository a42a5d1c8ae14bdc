import { CellError } from '../core/processor.js';
import { NoAnswer } from './no-answer.js';
import { statusLine } from './status-line.js';

/** RFC 9110 section 15.5.8. */
const PROXY_WANTS_LOGIN = 407;

/** Failures that can only be on the way to the proxy: with a proxy, the gateway looks up and dials nothing else. */
const ON_THE_WAY = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** A request through a proxy that got no answer: says whether the proxy or the service is to blame. */
export function failureAt(proxy: URL, host: string, error: unknown): CellError {
  const { code = '', message = '' } = Object(error) as { code?: string; message?: string };
  if (ON_THE_WAY.has(code)) return new NoAnswer(`The proxy ${proxy.host}, which leads to ${host},`, error);
  // undici gives the status that a proxy refused with in its message alone.
  const status = /^Proxy .*\((\d{3})\)/.exec(message)?.[1];
  return status === undefined ? new NoAnswer(host, error) : refusalOfProxy(proxy, host, Number(status));
}

function refusalOfProxy(proxy: URL, host: string, status: number): CellError {
  const isLogin = status === PROXY_WANTS_LOGIN;
  const remedy = isLogin
    ? 'It requires a login. Write it into the URL of HTTP_PROXY or HTTPS_PROXY.'
    : 'Does the proxy allow that host, and can it reach it?';
  return new CellError(
    `The proxy ${proxy.host} refused the connection to ${host} (${statusLine(status)}). ${remedy}`,
  );
}
