// The image's HEALTHCHECK: asks /healthz at the address in the gateway's own variables. It is plain JavaScript that
// needs only Node.js, because the image has no curl.
import { readFileSync } from 'node:fs';
import { request as plain } from 'node:http';
import { request as secure } from 'node:https';

const TIMEOUT_MS = 4_000;
// An empty variable counts as unset, as it does for the gateway.
const { RUNTIME_MODE, SPIN_TLS } = process.env;
const SPIN_HOST = process.env.SPIN_HOST || '127.0.0.1';
const SPIN_PORT = process.env.SPIN_PORT || '8888';

// A run listens on no port, and the container ends with it: while this check can run, the run is healthy.
if (RUNTIME_MODE === 'oneshot' || /(?:^|[\0/])spin-runtime\0run\0/.test(commandOf(1))) process.exit(0);

const unix = SPIN_HOST.startsWith('unix:');
const bound = SPIN_HOST.replace(/^\[(.*)\]$/, '$1');
const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[bound] ?? bound;
const where = unix ? { socketPath: SPIN_HOST.slice('unix:'.length) } : { host, port: SPIN_PORT };
// Every other mode serves TLS. The certificate is not verified: the request does not leave the container.
const request = SPIN_TLS === 'off' ? plain : secure;

const asked = request({
  ...where,
  path: '/healthz',
  headers: { host: 'localhost' },
  rejectUnauthorized: false,
  timeout: TIMEOUT_MS,
});
asked.on('timeout', () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
asked.on('error', (error) => fail(error.message));
asked.on('response', (response) => {
  if (response.statusCode === 200) process.exit(0);
  fail(`/healthz answers ${response.statusCode}`);
});
asked.end();

/** @param {number} pid @returns {string} program and arguments, each followed by NUL; empty if that can't be read */
function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** @param {string} why shown by `docker inspect` */
function fail(why) {
  process.stdout.write(`${why}\n`);
  process.exit(1);
}
