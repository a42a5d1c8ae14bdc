import t from 'tap';
import { demand } from '../../gateway/policy/rights.js';
import { owner, scraper } from '../support/principal.js';

t.test('the full token may do everything, nobody nothing', async (t) => {
  for (const right of ['connections:list', 'connections:test', 'metrics:read'] as const) {
    t.doesNotThrow(() => demand(owner, right));
    t.throws(() => demand(undefined, right), { code: 'UNAUTHENTICATED' });
  }
});

t.test('the token for metrics reads metrics, and nothing else', async (t) => {
  t.doesNotThrow(() => demand(scraper, 'metrics:read'));
  for (const right of ['connections:list', 'connections:test'] as const)
    t.throws(() => demand(scraper, right), {
      code: 'NOT_PERMITTED',
      status: 403,
      message: new RegExp(right),
    });
});
