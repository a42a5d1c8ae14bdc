// The image's HEALTHCHECK: asks /healthz where the gateway listens, as the gateway's own variables say. Plain
// JavaScript and nothing but Node.js, because the image has no curl.
import { request as plain } from 'node:http';
import { request as secure } from 'node:https';

const TIMEOUT_MS = 4_000;
const { SPIN_HOST = '127.0.0.1', SPIN_PORT = '8888', SPIN_TLS } = process.env;

const unix = SPIN_HOST.startsWith('unix:');
const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[SPIN_HOST] ?? SPIN_HOST.replace(/^\[(.*)\]$/, '$1');
const where = unix ? { socketPath: SPIN_HOST.slice('unix:'.length) } : { host, port: SPIN_PORT };
// TLS is served in every other mode; a certificate's name is no question between a process and itself.
const request = unix || SPIN_TLS === 'off' ? plain : secure;

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

/** @param {string} why shown by `docker inspect` */
function fail(why) {
  process.stdout.write(`${why}\n`);
  process.exit(1);
}
