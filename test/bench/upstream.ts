import { readFileSync } from 'node:fs';
import { startSyntheticUpstream } from '../support/synthetic-upstream.js';

/** The upstream as a process of its own: `node upstream.js CERT KEY`. Prints its two ports as JSON when it listens. */
const [, , cert = '', key = ''] = process.argv;
const upstream = await startSyntheticUpstream({
  cert: readFileSync(cert, 'utf8'),
  key: readFileSync(key, 'utf8'),
});
console.log(JSON.stringify({ port: upstream.port, tlsPort: upstream.tlsPort }));
