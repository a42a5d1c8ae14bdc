import { pino } from 'pino';
import { environmentOf } from '../../gateway/config/runtime-env.js';
import { homeAt } from '../../gateway/home.js';
import { createEmbeddedJupyter } from '../../gateway/jupyter/embedded.js';

/**
 * A process that does with an embedded Jupyter what the gateway does, for tests that kill it:
 * `node embedded-process.js SPIN_HOME ENVIRONMENT`. Prints the socket's path when Jupyter is ready.
 */
const [, , root = '', environment = ''] = process.argv;
const jupyter = createEmbeddedJupyter({
  home: homeAt(root),
  environment,
  inherited: environmentOf(process.env),
  log: pino({ level: 'silent' }),
  progress: () => {},
});
process.once('SIGTERM', () => void jupyter.stop());
await jupyter.ready;
console.log(jupyter.source().socketPath);
