import t from 'tap';
import { demand } from '../../gateway/policy/rights.js';

t.test('the full token may do everything, any other principal nothing', async (t) => {
  for (const right of ['connections:list', 'connections:test', 'metrics:read'] as const) {
    t.doesNotThrow(() => demand({ name: 'owner', carrier: 'header' }, right));
    t.throws(() => demand({ name: 'viewer', carrier: 'header' }, right), {
      code: 'NOT_PERMITTED',
      status: 403,
      message: new RegExp(right),
    });
    t.throws(() => demand(undefined, right), { code: 'UNAUTHENTICATED' });
  }
});

t.test('the token for metrics reads metrics, and nothing else', async (t) => {
  const scraper = { name: 'metrics', carrier: 'header' } as const;
  t.doesNotThrow(() => demand(scraper, 'metrics:read'));
  for (const right of ['connections:list', 'connections:test'] as const)
    t.throws(() => demand(scraper, right), { code: 'NOT_PERMITTED' });
});
