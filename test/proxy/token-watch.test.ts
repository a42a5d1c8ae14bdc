import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { ask } from '../support/ask.js';
import { startTestGateway, TOKEN, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { until } from '../support/until.js';

// A cold start of Jupyter takes most of it on a small machine.
t.setTimeout(120_000);

const SAYS = 'Jupyter refuses the gateway: set SPIN_UPSTREAM_TOKEN to its token';
const headers = { authorization: `token ${TOKEN}` };

t.test('a 403 of Jupyter’s, because of the gateway or because of the request', async (t) => {
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const right = await startTestGateway({ upstream: upstreamOf(jupyter) });
  t.teardown(() => right.close());
  const wrong = await startTestGateway({
    upstream: { ...upstreamOf(jupyter), token: new Secret('wrong-upstream-token') },
  });
  t.teardown(() => wrong.close());

  for (let i = 0; i < 3; i++)
    t.equal((await ask(`${wrong.origin}/api/kernels`, { headers })).status, 403, 'as Jupyter says it');
  await until(() => wrong.lines(SAYS).length > 0);
  t.equal((await ask(`${wrong.origin}/api/contents`, { headers })).status, 403);
  t.equal((await ask(`${wrong.origin}/readyz`)).status, 503);
  t.equal(wrong.lines(SAYS).length, 1, 'said once');
  t.notMatch(wrong.log(), 'wrong-upstream-token');

  // Jupyter's own rule: nobody reads what begins with a dot.
  const hidden = await ask(`${right.origin}/files/.hidden`, { headers });
  t.match(hidden.status, /^40[34]$/);
  t.equal((await ask(`${right.origin}/readyz`)).status, 200);
  t.equal(right.lines(SAYS).length, 0);
});
