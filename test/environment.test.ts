import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('../../', import.meta.url));

t.test("only the program's commands read the environment; all else is handed it", async (t) => {
  const files = ['gateway', 'processors'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  );
  const readers = files.filter((file) =>
    /\bprocess(?:\.env\b|\[.env.\])|\benv\b[^;]*from 'node:process'/.test(code(file)),
  );
  t.ok(readers.includes('gateway/commands/start.ts'), 'those that may were found');
  t.same(
    readers.filter((file) => !file.startsWith('gateway/commands/')),
    [],
  );
});

/** Without comments. */
function code(file: string): string {
  return readFileSync(join(root, file), 'utf8').replace(/\/\*.*?\*\/|^\s*\/\/.*$/gms, '');
}
