import t from 'tap';
import { actionOf, holds, READS_METRICS, type Right } from '../../gateway/policy/rights.js';

t.test('all rights are more than the sum of single ones', async (t) => {
  for (const right of ['contents:read', 'metrics:read', 'all'] as const) t.ok(holds('all', right), right);
  const some = new Set<Right>(['contents:read', 'kernels:execute']);
  t.ok(holds(some, 'contents:read'));
  t.notOk(holds(some, 'contents:write'));
  t.notOk(holds(some, 'all'));
  t.notOk(holds(new Set(), 'contents:read'));
});

t.test('who reads metrics does nothing else', async (t) => {
  t.ok(holds(READS_METRICS, 'metrics:read'));
  for (const right of ['connections:list', 'connections:test', 'secrets:use', 'server:read', 'all'] as const)
    t.notOk(holds(READS_METRICS, right), right);
});

t.test('the action is the method’s, and an unknown method writes', async (t) => {
  for (const method of ['GET', 'HEAD', 'OPTIONS']) t.equal(actionOf(method), 'read');
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'get', ''])
    t.equal(actionOf(method), 'write');
});
