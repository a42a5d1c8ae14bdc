import t from 'tap';
import { startKernel } from './kernel.js';

t.setTimeout(120_000);
t.test('a reference in a match pattern is refused', async (t) => {
  const { kernel } = await startKernel(t, { 'runtime_env:KEY': 'a' });
  const pattern = await kernel.run('match "a":\n    case "{{runtime_env:KEY}}":\n        print(1)');
  t.match(pattern, { status: 'error', stdout: '', error: /match pattern/ });
  const subject = await kernel.run('match "{{runtime_env:KEY}}":\n    case "a":\n        print(1)');
  t.match(subject, { status: 'ok', stdout: '1\n' });
});
