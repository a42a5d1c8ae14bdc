import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { pythonString } from '../core/literal.js';

/** The parts of the helper in the order in which they make up one module. */
const PARTS =
  'errors references binding transformer shell http_template http_body http_exchange rest values shown shown_json table tex inline markdown broker history runtime'.split(
    ' ',
  );

/**
 * Loads the module once per kernel and version, in memory only; then makes it ready for the one cell that
 * follows. One that can't be made ready isn't kept. Runs in a namespace of its own, so that nothing of it is
 * among the user's variables; behind a lock, as a subshell's companion may run beside the main shell's, and of two
 * helpers the second would forget what the first one keeps for its cells.
 */
const LOADER = `
import base64, sys, threading, types, zlib
with vars(sys).setdefault("_spin_runtime_lock", threading.Lock()):
    module = sys.modules.get("_spin_runtime")
    if getattr(module, "VERSION", None) != version:
        older, module = module, types.ModuleType("_spin_runtime")
        module.VERSION = version
        text = zlib.decompress(base64.b64decode(source)).decode()
        exec(compile(text, "<SPIN Runtime helper>", "exec"), module.__dict__)
        module.take_over(older)
    module.transformer.arm()
    sys.modules["_spin_runtime"] = module
`;

/**
 * @returns Python for the silent execute_request that comes before a rewritten cell (mechanism 4). Two lines, as
 *   IPython puts cells of one line through more hooks; compressed, as it reads every cell several times (42 kB of
 *   plain source were measured to cost 20 ms a cell); built-ins by way of `__import__`, as users bind names such
 *   as `exec`.
 */
export function helperSource(): string {
  const folder = join(packageRoot(), 'processors', 'kernel');
  const source = PARTS.map((part) => readFileSync(join(folder, `${part}.py`), 'utf8')).join('\n\n');
  const version = createHash('sha256').update(LOADER).update(source).digest('hex').slice(0, 16);
  const namespace = `{"version": "${version}", "source": "${deflateSync(source).toString('base64')}"}`;
  return `__import__("builtins").exec(${pythonString(LOADER, true)},\n    ${namespace})\n`;
}

/** A Python expression about the kernel of the helper: whether it has a cell magic of that name. */
export function magicQuestion(name: string): string {
  return `__import__("sys").modules["_spin_runtime"].has_magic(${pythonString(name, true)})`;
}

/** The folder with package.json, from the sources as from what they compile to. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
