import t from 'tap';
import { runWithHelper } from '../support/helper-python.js';
import { hostilePieces } from '../support/hostile-pieces.js';

t.setTimeout(600_000);

t.test("X9: the work of the kernel's helper grows with the text, and no faster", async (t) => {
  const lines = await runWithHelper<{ what: string; slow: readonly string[] }>('linear.py', {
    pieces: hostilePieces,
  });
  for (const { what, slow } of lines) t.same(slow, [], what);
  t.ok(lines.length > 40, 'every scanner was tried');
});
