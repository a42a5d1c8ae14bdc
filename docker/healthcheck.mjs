// The image's HEALTHCHECK: asks /healthz where the gateway listens, as the gateway's own variables say. Plain
// JavaScript and nothing but Node.js, because the image has no curl.
import { readFileSync } from 'node:fs';
import { request as plain } from 'node:http';
import { request as secure } from 'node:https';

const TIMEOUT_MS = 4_000;
// Set to nothing counts as unset, as it does for the gateway.
const { RUNTIME_MODE, SPIN_TLS } = process.env;
const SPIN_HOST = process.env.SPIN_HOST || '127.0.0.1';
const SPIN_PORT = process.env.SPIN_PORT || '8888';

// A run listens nowhere, and the container ends with it: as long as somebody can ask, it goes on.
if (RUNTIME_MODE === 'oneshot' || /(?:^|[\0/])spin-runtime\0run\0/.test(commandOf(1))) process.exit(0);

const unix = SPIN_HOST.startsWith('unix:');
const bound = SPIN_HOST.replace(/^\[(.*)\]$/, '$1');
const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[bound] ?? bound;
const where = unix ? { socketPath: SPIN_HOST.slice('unix:'.length) } : { host, port: SPIN_PORT };
// TLS is served in every other mode; a certificate's name is no question between a process and itself.
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

/** @param {number} pid @returns {string} program and arguments, each with NUL behind it; nothing where that can't be read */
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
