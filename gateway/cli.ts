#!/usr/bin/env node
import { isTooOld, OLDEST_NODE } from './node-version.js';

/** sysexits.h's EX_CONFIG: a service manager need not try again. */
const EX_CONFIG = 78;

// An older one would stop at the first thing that it doesn't know, and name that instead.
if (isTooOld(process.versions.node)) {
  process.stderr.write(
    `spin-runtime: Node.js ${process.versions.node} is too old. Install ${OLDEST_NODE} or newer.\n`,
  );
  process.exit(EX_CONFIG);
}
await import('./program.js');
