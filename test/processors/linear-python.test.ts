import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { inflateSync } from 'node:zlib';
import t from 'tap';
import { helperSource } from '../../processors/kernel/helper.js';
import { hostilePieces } from '../support/hostile-pieces.js';
import { jupyterEnvironment } from '../support/jupyter.js';

t.setTimeout(600_000);

/** The one module that the parts of the helper make up, as a kernel loads it. */
function helper(): string {
  const packed = /"source": "([^"]+)"/.exec(helperSource())?.[1] ?? '';
  return inflateSync(Buffer.from(packed, 'base64')).toString();
}

t.test("X9: the work of the kernel's helper grows with the text, and no faster", async (t) => {
  const program = fileURLToPath(new URL('../../../test/support/linear.py', import.meta.url));
  const python = spawn(join(await jupyterEnvironment(), 'bin', 'python'), [program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => python.kill());
  const ended = once(python, 'exit');
  // Nobody listens where it failed to start: that shows in how it ended.
  python.stdin.on('error', () => {});
  python.stdin.end(JSON.stringify({ source: helper(), pieces: hostilePieces }));
  const lines = (await text(python.stdout)).trim().split('\n');
  t.same(await ended, [0, null]);
  for (const line of lines) {
    const { what, slow } = JSON.parse(line) as { what: string; slow: readonly string[] };
    t.same(slow, [], what);
  }
  t.ok(lines.length > 40, 'every scanner was tried');
});
